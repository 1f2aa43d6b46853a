using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Web.Announcing;

/// <summary>The announcements in force, read every few seconds at most; those known stay while the database is away.</summary>
internal sealed partial class ShownAnnouncements(
    [FromKeyedServices(WebModule.PeoplePool)] NpgsqlDataSource dataSource, TimeProvider time, ILogger<ShownAnnouncements> log) : IDisposable
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(2);

    private readonly Announcements _announcements = new(dataSource);
    private readonly SemaphoreSlim _reading = new(1);
    private volatile Known? _known;

    /// <summary>What matters most first.</summary>
    public async ValueTask<IReadOnlyList<Announcement>> InForceAsync(CancellationToken cancellationToken)
    {
        // One visitor reads; the others are shown what is known, and wait only where nothing is.
        var known = _known;
        if (known is not null && (time.GetElapsedTime(known.ReadAt) < ReadEvery || !await _reading.WaitAsync(0, cancellationToken)))
        {
            return known.All;
        }

        if (known is null)
        {
            await _reading.WaitAsync(cancellationToken);
        }

        try
        {
            if (_known == known)
            {
                var readAt = time.GetTimestamp();
                _known = new Known(await _announcements.InForceAsync(time.GetUtcNow(), cancellationToken), readAt);
            }
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
        {
            LogUnread(exception.Message);
            _known = new Known(known?.All ?? [], time.GetTimestamp());
        }
        finally
        {
            _reading.Release();
        }

        return _known!.All;
    }

    public void Dispose() => _reading.Dispose();

    private sealed record Known(IReadOnlyList<Announcement> All, long ReadAt);

    [LoggerMessage(1, LogLevel.Warning, "The announcements cannot be read; those known stay: {Message}")]
    private partial void LogUnread(string message);
}
