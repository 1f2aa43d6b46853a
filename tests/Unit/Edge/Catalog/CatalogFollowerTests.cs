using System.Text;
using Microsoft.Extensions.Logging;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Tests.Unit.Catalog;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Edge.Catalog;

public sealed class CatalogFollowerTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _clock = new();
    private readonly FakeCatalog _grain = new();
    private readonly Lines _log = new();
    private readonly CatalogFollower _follower;
    private bool _mayAsk = true;

    public CatalogFollowerTests() => _follower = new CatalogFollower(
        _grain, name => name == "BAD" ? "no\nheader" : "value", () => _mayAsk, _clock, _log);

    [Fact]
    public async Task Current_BeforeTheFirstVersion_IsNullAndSaysSo()
    {
        await StartAsync();

        Assert.Null(_follower.Current);
        Assert.Equal("no catalog yet", await _follower.ReasonAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Current_FirstVersion_IsFollowedWithinATenthOfASecond()
    {
        await StartAsync();
        _grain.Publish(CatalogText.Valid);

        await PassAsync(0.1);

        Assert.NotNull(_follower.Current!.FindModel("tiny"));
        Assert.Null(await _follower.ReasonAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Current_LaterVersions_AreFollowedWithinASecondAndThoseBetweenAreNotNeeded()
    {
        _grain.Publish(CatalogText.Valid);
        await StartAsync();
        var first = _follower.Current!;

        // The price of the first one is away in between, and has other rates when it comes back.
        _grain.Publish("{}");
        _grain.Publish(CatalogText.With("\"input\": 1.5", "\"input\": 1.4"));
        await PassAsync(1);

        Assert.Equal(1_400_000_000, _follower.Current!.Models[0].Prices[0].Price.Base[Input]);
        Assert.Equal(1_500_000_000, first.Models[0].Prices[0].Price.Base[Input]);
        Assert.Equal([0, 1], _grain.Asked);
    }

    [Fact]
    public async Task Current_VersionThatIsNotValidHere_StaysAndIsToldOnce()
    {
        _grain.Publish(CatalogText.Valid);
        await StartAsync();
        var first = _follower.Current;
        _grain.Publish(CatalogText.With("ACME_KEY", "BAD"));

        await PassAsync(1);
        await PassAsync(1);

        Assert.Same(first, _follower.Current);
        Assert.Single(_log.Of(LogLevel.Error), line => line.Contains("version 2", StringComparison.Ordinal) && line.Contains("BAD", StringComparison.Ordinal));
        Assert.Equal([0, 1, 2], _grain.Asked);
    }

    [Fact]
    public async Task Current_WhileTheGrainFails_StaysAndIsToldOnceAnOutage()
    {
        _grain.Publish(CatalogText.Valid);
        await StartAsync();
        var first = _follower.Current;
        _grain.Failure = new IOException("away");
        await PassAsync(1);
        await PassAsync(1);
        Assert.Same(first, _follower.Current);
        Assert.Single(_log.Of(LogLevel.Warning));

        _grain.Failure = null;
        _grain.Publish(CatalogText.With("tiny", "wee"));
        await PassAsync(1);
        Assert.NotNull(_follower.Current!.FindModel("wee"));

        _grain.Failure = new IOException("away");
        await PassAsync(1);
        Assert.Equal(2, _log.Of(LogLevel.Warning).Count());
    }

    [Fact]
    public async Task Ask_WhileNoGrainCanBeCalled_IsNotTried()
    {
        _mayAsk = false;
        await StartAsync();
        await PassAsync(0.1);
        Assert.Empty(_grain.Asked);

        _mayAsk = true;
        await PassAsync(0.1);
        Assert.Single(_grain.Asked);
    }

    public async ValueTask DisposeAsync()
    {
        await _follower.StopAsync(CancellationToken.None);
        _follower.Dispose();
    }

    private async Task StartAsync()
    {
        await _follower.StartAsync(CancellationToken.None);
        await UntilItWaitsAsync();
    }

    private async Task PassAsync(double seconds)
    {
        _clock.Advance(TimeSpan.FromSeconds(seconds));
        await UntilItWaitsAsync();
    }

    /// <summary>The follower runs on the thread pool; all it ever waits for is the clock.</summary>
    private async Task UntilItWaitsAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        while (_clock.TimersSet == 0)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>Answers as the grain does, at once.</summary>
    private sealed class FakeCatalog : IGrains, ICatalogGrain
    {
        private PublishedCatalog? _published;

        public List<long> Asked { get; } = [];

        public Exception? Failure { get; set; }

        public void Publish(string text) => _published = new PublishedCatalog(
            (_published?.Version ?? 0) + 1, new CatalogDocument([.. Encoding.UTF8.GetBytes(text)], "catalog.json"), default);

        public bool IsUp => true;

        public bool AreRemote => false;

        public ICatalogGrain Catalog => this;

        public IAccountGrain Account(string accountId) => throw new NotSupportedException();

        public Task<PublishedCatalog?> GetAsync(long knownVersion)
        {
            Asked.Add(knownVersion);
            return Failure is null
                ? Task.FromResult(_published?.Version > knownVersion ? _published : null)
                : Task.FromException<PublishedCatalog?>(Failure);
        }

        public Task<PublishAnswer> ApplyAsync(CatalogDocument document) => throw new NotSupportedException();

        public Task<PublishAnswer> SeedAsync(CatalogDocument document, bool always) => throw new NotSupportedException();
    }

    private sealed class Lines : ILogger<CatalogFollower>
    {
        private readonly List<(LogLevel Level, string Text)> _lines = [];

        public IEnumerable<string> Of(LogLevel level) => from line in _lines where line.Level == level select line.Text;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Add((logLevel, formatter(state, exception)));
    }
}
