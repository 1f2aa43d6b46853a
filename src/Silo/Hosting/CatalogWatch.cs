using System.Runtime.InteropServices;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Publishes the configured catalog: at start and when the file changes if its content is new, and on SIGHUP in any case.</summary>
internal sealed partial class CatalogWatch(ConfiguredCatalog catalog, LockService gatewayLock, TimeProvider time, ILogger<CatalogWatch> log)
    : BackgroundService
{
    /// <summary>A look at the file's time costs nothing, and sees what file events miss on network and overlay file systems.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private volatile bool _isHungUp;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            _isHungUp = true;
        });
        await gatewayLock.WaitUntilHeldAsync(Timeout.InfiniteTimeSpan, stoppingToken);
        using var timer = new PeriodicTimer(LookEvery, time);
        DateTime? published = null;
        var isFailing = false;
        do
        {
            var written = WrittenAt(catalog.Path);
            var always = _isHungUp;
            if (!always && written == published)
            {
                continue;
            }

            _isHungUp = false;
            try
            {
                await PublishAsync(always);
                (published, isFailing) = (written, false);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Until it is published, or refused.
                _isHungUp |= always;
                if (!isFailing)
                {
                    LogFailed(catalog.Path, exception.Message);
                }

                isFailing = true;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Of the file itself where its path is a link to it, as where Kubernetes mounts a file.</summary>
    private static DateTime WrittenAt(string path)
    {
        try
        {
            return (File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)).LastWriteTimeUtc;
        }
        catch (IOException)
        {
            return DateTime.MinValue;
        }
    }

    private async Task PublishAsync(bool always)
    {
        foreach (var error in (await catalog.PublishAsync(always)).Errors)
        {
            LogRefused(catalog.Path, error);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Catalog {Path} is refused, the old one stays in force: {Error}")]
    private partial void LogRefused(string path, CatalogProblem error);

    [LoggerMessage(2, LogLevel.Warning, "Catalog {Path} cannot be published, it is tried again: {Message}")]
    private partial void LogFailed(string path, string message);
}
