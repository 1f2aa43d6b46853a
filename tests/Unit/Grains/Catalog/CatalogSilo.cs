using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Storage;
using OrleansGateway.Grains.Catalog;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Tests.Engine;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Tests.Unit.Catalog;

namespace OrleansGateway.Tests.Unit.Grains.Catalog;

/// <summary>One process with the catalog grain; processes with the same storage are twins, or come one after the other.</summary>
internal sealed class CatalogSilo : IAsyncDisposable
{
    private readonly TestEngine _engine;
    private readonly Recorder _log = new();

    public CatalogSilo(StoredStates storage, EnvironmentVariables? environment = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(_log));
        services.AddSingleton<TimeProvider>(Clock);
        services.AddSingleton(environment ?? (_ => "value"));
        services.AddKeyedSingleton<IGrainStorage>(StateStorage.Name, storage);
        _engine = new TestEngine(services, TaskScheduler.Default, [typeof(CatalogGrain)]);
        Grain = _engine.GetGrain<ICatalogGrain>(ICatalogGrain.Key);
    }

    /// <summary>Begins when the catalog of <see cref="CatalogText"/> is in force.</summary>
    public FakeTimeProvider Clock { get; } = new();

    public ICatalogGrain Grain { get; }

    public IEnumerable<string> Logged => _log.Lines;

    public static CatalogDocument Document(string text, string source = "catalog.json") =>
        new([.. Encoding.UTF8.GetBytes(text)], source);

    public Task<PublishAnswer> ApplyAsync(string text) => Grain.ApplyAsync(Document(text, "applied.json"));

    public Task<PublishAnswer> SeedAsync(string text, bool always = false) => Grain.SeedAsync(Document(text), always);

    /// <summary>The text in force; null for none.</summary>
    public async Task<string?> TextAsync() =>
        await Grain.GetAsync(0) is { } published ? Encoding.UTF8.GetString(published.Document.Utf8.AsSpan()) : null;

    public async ValueTask DisposeAsync()
    {
        await _engine.StopAsync();
        _engine.Dispose();
    }

    private sealed class Recorder : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
