using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;

namespace OrleansGateway.Edge.Catalog;

/// <summary>
/// Follows the catalog grain: asks it for a later version, reads that with this process's environment, and swaps the catalog as a
/// whole. While the grain cannot be asked, or when a version is not valid in this environment, the one before stays.
/// </summary>
internal sealed partial class CatalogFollower(
    IGrains grains, EnvironmentVariables environment, Func<bool> mayAsk, TimeProvider time, ILogger<CatalogFollower> log)
    : BackgroundService, ICatalogSource, IReadinessCheck
{
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(1);

    /// <summary>Nothing can be served before the first version.</summary>
    private static readonly TimeSpan AskFirstEvery = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(10);

    private volatile CatalogSnapshot? _current;
    private long _version;
    private bool _isUnanswered;

    public CatalogSnapshot? Current => _current;

    public ValueTask<string?> ReasonAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(_current is null ? "no catalog yet" : null);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            if (mayAsk())
            {
                await AskAsync(stoppingToken);
            }

            await Task.Delay(_current is null ? AskFirstEvery : AskEvery, time, stoppingToken);
        }
    }

    private async Task AskAsync(CancellationToken stoppingToken)
    {
        try
        {
            var published = await grains.Catalog.GetAsync(_version).WaitAsync(AnswerMax, time, stoppingToken);
            _isUnanswered = false;
            if (published is not null)
            {
                Follow(published);
            }
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            if (!_isUnanswered)
            {
                LogUnanswered(exception.Message);
            }

            _isUnanswered = true;
        }
    }

    private void Follow(PublishedCatalog published)
    {
        _version = published.Version;

        // The grain has compared its prices with those of every version before it, which this process may not have seen.
        var result = CatalogFile.Parse(published.Document.Utf8.AsMemory(), environment, time.GetUtcNow());
        foreach (var warning in result.Warnings)
        {
            LogWarning(published.Version, warning);
        }

        foreach (var error in result.Errors)
        {
            LogRefused(published.Version, error);
        }

        if (result.Snapshot is { } snapshot)
        {
            _current = snapshot;
            LogFollowed(
                published.Version,
                published.Document.Source,
                snapshot.Models.Length,
                snapshot.Channels.Count(channel => channel.IsOn),
                snapshot.Channels.Length);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Catalog version {Version}: {Warning}")]
    private partial void LogWarning(long version, CatalogProblem warning);

    [LoggerMessage(2, LogLevel.Error, "Catalog version {Version} is not valid here, the one before stays in force: {Error}")]
    private partial void LogRefused(long version, CatalogProblem error);

    [LoggerMessage(3, LogLevel.Information, "Catalog version {Version} from {Source} is in force: {Models} models, {ChannelsOn} of {Channels} channels are on")]
    private partial void LogFollowed(long version, string source, int models, int channelsOn, int channels);

    [LoggerMessage(4, LogLevel.Warning, "The catalog cannot be asked for, the one that is known stays in force: {Message}")]
    private partial void LogUnanswered(string message);
}
