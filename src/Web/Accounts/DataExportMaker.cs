using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Web.Accounts;

/// <summary>Makes the exports that people ask for.</summary>
internal sealed partial class DataExportMaker(IServiceScopeFactory scopes, ISiteHost host, IOptions<SiteOptions> options, TimeProvider time, ILogger<DataExportMaker> log)
    : LeasedRows<DataExport>(scopes, host, time, log)
{
    protected override TimeSpan LookEvery => TimeSpan.FromSeconds(1);

    protected override int TriesMax => 6;

    protected override string TakeSql =>
        """
        UPDATE people.data_export SET next_try_at = {0}, tries = tries + 1
        WHERE id = (SELECT id FROM people.data_export WHERE ready_at IS NULL AND next_try_at <= {1}
            ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *
        """;

    protected override IQueryable<DataExport> Mine(PeopleContext people, DataExport row) =>
        people.DataExports.Where(one => one.Id == row.Id && one.Tries == row.Tries && one.ReadyAt == null);

    protected override TimeSpan PauseAfter(int tries) => TimeSpan.FromSeconds(Math.Pow(2, tries) * 10);

    protected override void LogFailure(DataExport row, Exception exception, bool isLast) => LogNotMade(row.Id, row.Tries, exception.Message);

    /// <summary>Another can be asked for; the person is told.</summary>
    protected override async Task GiveUpAsync(IServiceProvider services, PeopleContext people, DataExport row, CancellationToken cancellationToken)
    {
        await using var transaction = await people.Database.BeginTransactionAsync(cancellationToken);
        if (await Mine(people, row).ExecuteDeleteAsync(cancellationToken) == 1)
        {
            services.GetRequiredService<PersonMails>().ExportFailed(await people.Users.SingleAsync(one => one.Id == row.PersonId, cancellationToken));
            await people.SaveChangesAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    protected override async Task DoAsync(IServiceProvider services, PeopleContext people, DataExport row, CancellationToken cancellationToken)
    {
        var id = row.Id;
        await people.Database.ExecuteSqlAsync($"DELETE FROM people.data_export_part WHERE export_id = {id}", cancellationToken);

        // Parts have a session of their own: what they are made of is still being read.
        await using var scope = Scopes.CreateAsyncScope();
        var parts = new PartStream(
            services.GetRequiredService<DataExports>(), scope.ServiceProvider.GetRequiredService<PeopleContext>(), row, () => Time.GetUtcNow() + Lease);
        await using (parts)
        {
            await services.GetRequiredService<MyData>().WriteAsync(row.PersonId, parts, cancellationToken);
        }

        var (now, written) = (Time.GetUtcNow(), parts.Written);
        await using var transaction = await people.Database.BeginTransactionAsync(cancellationToken);
        var expiresAt = now.AddDays(options.Value.ExportDays);
        if (await Mine(people, row).ExecuteUpdateAsync(
            set => set.SetProperty(one => one.ReadyAt, now).SetProperty(one => one.ExpiresAt, expiresAt).SetProperty(one => one.Bytes, written), cancellationToken) == 1)
        {
            services.GetRequiredService<PersonMails>().ExportReady(await people.Users.SingleAsync(one => one.Id == row.PersonId, cancellationToken));
            await people.SaveChangesAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    [LoggerMessage(1410, LogLevel.Warning, "Export {Id} of a person's data was not made at try {Tries}: {Message}")]
    private partial void LogNotMade(Guid id, int tries, string message);

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
