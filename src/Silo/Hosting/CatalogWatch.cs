using System.Runtime.InteropServices;
using OrleansGateway.Operations;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Publishes the configured catalog: at start and when the file changes if its content is new, and on SIGHUP in any case.</summary>
internal sealed partial class CatalogWatch(
    IConfiguredCatalog catalog, CatalogOperations operations, SiloService silo, TimeProvider time, ILogger<CatalogWatch> log)
    : BackgroundService
{
    /// <summary>A look at the file's time costs nothing, and sees what file events miss on network and overlay file systems.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private static readonly Actor HangUp = new(ActorKind.System, "catalog", "SIGHUP");

    private volatile bool _isHungUp;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            _isHungUp = true;
        });
        await silo.WaitUntilActiveAsync(stoppingToken);
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
                await PublishAsync(always, stoppingToken);
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

    /// <exception cref="InvalidOperationException">It is not known whether it is published.</exception>
    private async Task PublishAsync(bool always, CancellationToken cancellationToken)
    {
        var result = always
            ? await operations.ReloadAsync(HangUp, Guid.NewGuid().ToString("N"), cancellationToken)
            : await operations.SeedAsync(cancellationToken);
        switch (result.Failure)
        {
            case null:
                break;
            case { Kind: FailureKind.InvalidCatalog } refusal:
                foreach (var problem in refusal.Fields)
                {
                    LogRefused(catalog.Path, problem.Message);
                }

                break;
            case { } failure:
                throw new InvalidOperationException(failure.Message);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Catalog {Path} is refused, the old one stays in force: {Error}")]
    private partial void LogRefused(string path, string error);

    [LoggerMessage(2, LogLevel.Warning, "Catalog {Path} cannot be published, it is tried again: {Message}")]
    private partial void LogFailed(string path, string message);
}
