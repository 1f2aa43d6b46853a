using Grpc.Core;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Operator.ProtoValues;

namespace OrleansGateway.Silo.Operator;

/// <summary>The service of what is only read.</summary>
internal sealed class ReportGrpc(ReportOperations reports) : ReportService.ReportServiceBase
{
    public override async Task<ListUsageResponse> ListUsage(ListUsageRequest request, ServerCallContext context)
    {
        var page = (await reports.UsageAsync(
            context.Actor(), ProtoRows.Read(request.Filter), Page(request.PageSize, request.PageToken), context.CancellationToken)).OrThrow();
        return new ListUsageResponse { Rows = { page.Rows.Select(ProtoRows.ToProto) }, NextPageToken = page.NextToken };
    }

    public override async Task ExportUsage(ExportUsageRequest request, IServerStreamWriter<UsageRow> responseStream, ServerCallContext context)
    {
        var export = (await reports.ExportUsageAsync(context.Actor(), ProtoRows.Read(request.Filter), context.CancellationToken)).OrThrow();
        await foreach (var row in export.Rows.WithCancellation(context.CancellationToken))
        {
            await responseStream.WriteAsync(row.ToProto(), context.CancellationToken);
        }
    }

    public override async Task<SumUsageResponse> SumUsage(SumUsageRequest request, ServerCallContext context)
    {
        var groups = UsageGroups.None;
        foreach (var group in request.GroupBy)
        {
            groups |= Read<UsageGroups>(group, "group_by") ?? UsageGroups.None;
        }

        var sums = (await reports.SumUsageAsync(context.Actor(), ProtoRows.Read(request.Filter), groups, context.CancellationToken)).OrThrow();
        return new SumUsageResponse { Totals = { sums.Totals.Select(ProtoRows.ToProto) } };
    }

    public override async Task<ListLedgerResponse> ListLedger(ListLedgerRequest request, ServerCallContext context)
    {
        var filter = new LedgerFilter(request.AccountId, Read(request.From, "from"), Read(request.To, "to"));
        var page = (await reports.LedgerAsync(context.Actor(), filter, Page(request.PageSize, request.PageToken), context.CancellationToken)).OrThrow();
        return new ListLedgerResponse { Rows = { page.Rows.Select(ProtoRows.ToProto) }, NextPageToken = page.NextToken };
    }

    public override async Task ExportLedger(ExportLedgerRequest request, IServerStreamWriter<LedgerRow> responseStream, ServerCallContext context)
    {
        var filter = new LedgerFilter(request.AccountId, Read(request.From, "from"), Read(request.To, "to"));
        var export = (await reports.ExportLedgerAsync(context.Actor(), filter, context.CancellationToken)).OrThrow();
        await foreach (var row in export.Rows.WithCancellation(context.CancellationToken))
        {
            await responseStream.WriteAsync(row.ToProto(), context.CancellationToken);
        }
    }

    public override async Task<VerifyResponse> Verify(VerifyRequest request, ServerCallContext context) =>
        (await reports.VerifyAsync(context.Actor(), context.CancellationToken)).OrThrow().ToProto();

    public override async Task<ListAuditResponse> ListAudit(ListAuditRequest request, ServerCallContext context)
    {
        var filter = new AuditFilter
        {
            Subject = Read(request.Subject),
            ActorId = Read(request.ActorId),
            RequestId = Read(request.RequestId),
            From = Read(request.From, "from"),
            To = Read(request.To, "to"),
            UnknownOnly = request.UnknownOnly,
        };
        var page = (await reports.AuditAsync(context.Actor(), filter, Page(request.PageSize, request.PageToken), context.CancellationToken)).OrThrow();
        return new ListAuditResponse { Entries = { page.Rows.Select(ProtoRows.ToProto) }, NextPageToken = page.NextToken };
    }
}
