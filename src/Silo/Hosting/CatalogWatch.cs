using System.Runtime.InteropServices;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Reloads the catalog when its file changes, and on SIGHUP.</summary>
internal sealed partial class CatalogWatch(CatalogSource catalog, TimeProvider time, ILogger<CatalogWatch> log) : BackgroundService
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
        using var timer = new PeriodicTimer(LookEvery, time);
        var seen = File.GetLastWriteTimeUtc(catalog.Path);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var written = File.GetLastWriteTimeUtc(catalog.Path);
            if (_isHungUp || written != seen)
            {
                _isHungUp = false;
                seen = written;
                foreach (var error in catalog.Reload())
                {
                    LogRefused(catalog.Path, error);
                }
            }
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Catalog {Path} is refused, the old one stays in force: {Error}")]
    private partial void LogRefused(string path, Grains.Contracts.Catalog.CatalogProblem error);
}
