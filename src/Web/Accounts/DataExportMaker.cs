using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Web.Accounts;

/// <summary>
/// Makes the exports that people ask for, one after another; of several processes each makes others. One whose process dies is made anew by
/// another.
/// </summary>
internal sealed partial class DataExportMaker(IServiceScopeFactory scopes, ISiteHost host, IOptions<SiteOptions> options, TimeProvider time, ILogger<DataExportMaker> log)
    : BackgroundService
{
    private const int TriesMax = 6;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long an export is one process' own after each of its parts.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                while (host.IsReady && await MakeNextAsync(stoppingToken))
                {
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogAway(exception.Message);
            }
        }
    }

    /// <returns>Whether there was one.</returns>
    internal async Task<bool> MakeNextAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var people = scope.ServiceProvider.GetRequiredService<PeopleContext>();
        var now = time.GetUtcNow();
        var until = now + Lease;
        var found = await people.DataExports
            .FromSql($"""
                UPDATE people.data_export SET next_try_at = {until}, tries = tries + 1
                WHERE id = (SELECT id FROM people.data_export WHERE ready_at IS NULL AND next_try_at <= {now}
                    ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *
                """)
            .AsNoTracking().ToListAsync(cancellationToken);
        if (found is not [var export])
        {
            return false;
        }

        if (export.Tries > TriesMax)
        {
            // A process that died was at its last try.
            await GiveUpAsync(scope.ServiceProvider, people, export, cancellationToken);
            return true;
        }

        try
        {
            await MakeAsync(scope.ServiceProvider, people, export, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotMade(export.Id, export.Tries, exception.Message);
            if (export.Tries == TriesMax)
            {
                await using var last = scopes.CreateAsyncScope();
                await GiveUpAsync(last.ServiceProvider, last.ServiceProvider.GetRequiredService<PeopleContext>(), export, cancellationToken);
                return true;
            }

            var again = time.GetUtcNow() + TimeSpan.FromSeconds(Math.Pow(2, export.Tries) * 10);
            await people.DataExports.Where(one => one.Id == export.Id && one.Tries == export.Tries && one.ReadyAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(one => one.NextTryAt, again), cancellationToken);
        }

        return true;
    }

    /// <summary>Removes it, so that another can be asked for, and tells the person.</summary>
    private static async Task GiveUpAsync(IServiceProvider services, PeopleContext people, DataExport export, CancellationToken cancellationToken)
    {
        await using var transaction = await people.Database.BeginTransactionAsync(cancellationToken);
        if (await people.DataExports.Where(one => one.Id == export.Id && one.Tries == export.Tries && one.ReadyAt == null).ExecuteDeleteAsync(cancellationToken) == 1)
        {
            services.GetRequiredService<PersonMails>().ExportFailed(await people.Users.SingleAsync(one => one.Id == export.PersonId, cancellationToken));
            await people.SaveChangesAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private async Task MakeAsync(IServiceProvider services, PeopleContext people, DataExport export, CancellationToken cancellationToken)
    {
        var id = export.Id;
        await people.Database.ExecuteSqlAsync($"DELETE FROM people.data_export_part WHERE export_id = {id}", cancellationToken);

        // Parts have a session of their own: what they are made of is still being read.
        await using var scope = scopes.CreateAsyncScope();
        var parts = new PartStream(
            services.GetRequiredService<DataExports>(), scope.ServiceProvider.GetRequiredService<PeopleContext>(), export, () => time.GetUtcNow() + Lease);
        await using (parts)
        {
            await services.GetRequiredService<MyData>().WriteAsync(export.PersonId, parts, cancellationToken);
        }

        var (now, written) = (time.GetUtcNow(), parts.Written);
        await using var transaction = await people.Database.BeginTransactionAsync(cancellationToken);
        var expiresAt = now.AddDays(options.Value.ExportDays);
        if (await people.DataExports.Where(one => one.Id == id && one.Tries == export.Tries && one.ReadyAt == null).ExecuteUpdateAsync(
            set => set.SetProperty(one => one.ReadyAt, now).SetProperty(one => one.ExpiresAt, expiresAt).SetProperty(one => one.Bytes, written), cancellationToken) == 1)
        {
            services.GetRequiredService<PersonMails>().ExportReady(await people.Users.SingleAsync(one => one.Id == export.PersonId, cancellationToken));
            await people.SaveChangesAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    [LoggerMessage(1410, LogLevel.Warning, "Export {Id} of a person's data was not made at try {Tries}: {Message}")]
    private partial void LogNotMade(Guid id, int tries, string message);

    [LoggerMessage(1411, LogLevel.Warning, "Exports that were asked for cannot be read at the moment: {Message}")]
    private partial void LogAway(string message);

    /// <summary>Puts what is written to it into the database, part by part.</summary>
    private sealed class PartStream(DataExports exports, PeopleContext people, DataExport export, Func<DateTimeOffset> leaseEnd) : Stream
    {
        private readonly MemoryStream _pending = new(DataExports.PartBytes);
        private int _part;

        /// <summary>What is in the database, bytes.</summary>
        public long Written { get; private set; }

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _pending.Write(buffer.Span);
            if (_pending.Length >= DataExports.PartBytes)
            {
                await PutAsync(cancellationToken);
            }
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask DisposeAsync()
        {
            if (_pending.Length > 0)
            {
                await PutAsync(CancellationToken.None);
            }

            await _pending.DisposeAsync();
            await base.DisposeAsync();
        }

        public override void Flush()
        {
            // A part is put when it is full.
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        /// <summary>As the archive writes its small headers: put with what comes next.</summary>
        public override void Write(byte[] buffer, int offset, int count) => _pending.Write(buffer, offset, count);

        private async Task PutAsync(CancellationToken cancellationToken)
        {
            var (id, tries, until, part) = (export.Id, export.Tries, leaseEnd(), _part);
            var content = exports.ProtectorOf(id, part).Protect(_pending.ToArray());
            if (await people.Database.ExecuteSqlAsync(
                $"""
                WITH mine AS (UPDATE people.data_export SET next_try_at = {until} WHERE id = {id} AND tries = {tries} AND ready_at IS NULL RETURNING id)
                INSERT INTO people.data_export_part (export_id, part, content) SELECT id, {part}, {content} FROM mine
                """,
                cancellationToken) != 1)
            {
                throw new InvalidOperationException("Another process makes it by now.");
            }

            _part++;
            Written += _pending.Length;
            _pending.SetLength(0);
        }
    }
}
