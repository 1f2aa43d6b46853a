using System.Text;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Grains.Catalog;

/// <summary>Checks catalogs and keeps the one in force. A version is one write; what is told is what is written.</summary>
public sealed partial class CatalogGrain : IGrainBase, ICatalogGrain
{
    private const int MaxWrites = 3;

    /// <summary>How long it may be wrong after another process wrote, such as one that had the database lock in between.</summary>
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(30);

    private readonly IPersistentState<CatalogState> _state;
    private readonly EnvironmentVariables _environment;
    private readonly TimeProvider _time;
    private readonly ILogger<CatalogGrain> _log;

    private PublishedCatalog? _published;

    /// <summary>Made by what runs the grain.</summary>
    public CatalogGrain(
        IGrainContext context,
        [PersistentState("catalog", StateStorage.Name)] IPersistentState<CatalogState> state,
        EnvironmentVariables environment,
        TimeProvider time,
        ILogger<CatalogGrain> log)
    {
        GrainContext = context;
        _state = state;
        _environment = environment;
        _time = time;
        _log = log;
    }

    /// <inheritdoc/>
    public IGrainContext GrainContext { get; }

    /// <inheritdoc/>
    public Task OnActivateAsync(CancellationToken token)
    {
        ShowState();
        this.RegisterGrainTimer(ReadAsync, new GrainTimerCreationOptions(ReadEvery, ReadEvery));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<PublishedCatalog?> GetAsync(long knownVersion) =>
        Task.FromResult(_published?.Version > knownVersion ? _published : null);

    /// <inheritdoc/>
    public Task<PublishAnswer> ApplyAsync(CatalogDocument document) => PublishAsync(document, seedHash: null, always: true);

    /// <inheritdoc/>
    public Task<PublishAnswer> SeedAsync(CatalogDocument document, bool always) =>
        PublishAsync(document, Convert.ToHexStringLower(Sha256Hash.Of(document.Utf8.AsSpan()).ToBytes()), always);

    private async Task<PublishAnswer> PublishAsync(CatalogDocument document, string? seedHash, bool always)
    {
        try
        {
            for (var write = 1; ; write++)
            {
                var (next, answer) = Decide(document, seedHash, always);
                if (next is null)
                {
                    return answer;
                }

                try
                {
                    _state.State = next;
                    await _state.WriteStateAsync();
                    ShowState();
                    if (answer.Outcome == PublishOutcome.Published)
                    {
                        LogPublished(answer.Version, document.Source, document.Utf8.Length);
                    }
                    return answer;
                }
                catch (InconsistentStateException) when (write < MaxWrites)
                {
                    // Another activation wrote, before this one knew: what to do depends on what is true.
                    await ReadAsync(CancellationToken.None);
                }
            }
        }
        catch
        {
            // Whether it was written is unknown: the next activation reads it.
            this.DeactivateOnIdle();
            throw;
        }
    }

    /// <returns>What is to be written, if anything, and the answer once it is.</returns>
    private (CatalogState? Next, PublishAnswer Answer) Decide(CatalogDocument document, string? seedHash, bool always)
    {
        var state = _state.State;
        var unchanged = new PublishAnswer(PublishOutcome.Unchanged, state.Version, []);
        if (seedHash is not null && seedHash == state.SeedHash && !always)
        {
            return (null, unchanged);
        }

        var text = Encoding.UTF8.GetString(document.Utf8.AsSpan());
        if (state.Version > 0 && text == state.Text)
        {
            return (seedHash is null || seedHash == state.SeedHash ? null : state with { SeedHash = seedHash }, unchanged);
        }

        var now = _time.GetUtcNow();
        var known = state.Prices.ToDictionary(price => price.Price.Id, StringComparer.Ordinal);
        var result = CatalogFile.Parse(document.Utf8.AsMemory(), _environment, now, known);
        if (result.Snapshot is not { } snapshot)
        {
            LogRefused(document.Source, result.Errors.Length);
            return (null, new PublishAnswer(PublishOutcome.Refused, state.Version, result.Errors));
        }

        var next = state with
        {
            Version = state.Version + 1,
            Text = text,
            Source = document.Source,
            PublishedAt = now,
            SeedHash = seedHash ?? state.SeedHash,
            Prices = Remember(state.Prices, snapshot, now),
        };
        return (next, new PublishAnswer(PublishOutcome.Published, next.Version, []));
    }

    /// <summary>What was in force stays as it was, with the time from which it was.</summary>
    private static List<KnownPrice> Remember(List<KnownPrice> earlier, CatalogSnapshot snapshot, DateTimeOffset now)
    {
        var prices = snapshot.Prices.ToDictionary(price => price.Price.Id, StringComparer.Ordinal);
        foreach (var price in earlier.Where(price => price.From <= now))
        {
            prices[price.Price.Id] = price;
        }
        return [.. prices.Values.OrderBy(price => price.Price.Id, StringComparer.Ordinal)];
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        await _state.ReadStateAsync(cancellationToken);
        ShowState();
    }

    private void ShowState() => _published = _state.State.ToPublished();

    [LoggerMessage(1, LogLevel.Information, "Catalog version {Version} is published, from {Source}: {Bytes} bytes")]
    private partial void LogPublished(long version, string source, int bytes);

    [LoggerMessage(2, LogLevel.Warning, "A catalog from {Source} is refused: {Errors} errors")]
    private partial void LogRefused(string source, int errors);
}
