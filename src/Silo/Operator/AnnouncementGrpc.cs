using Grpc.Core;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Operator.ProtoValues;
using AnnouncementLevel = OrleansGateway.Ledger.Postgres.AnnouncementLevel;
using ProtoAnnouncement = OrleansGateway.Operator.Contracts.Announcement;

namespace OrleansGateway.Silo.Operator;

/// <summary>Announcements as their rows stand, which takes the database alone.</summary>
internal class StoredAnnouncementGrpc(Announcements announcements) : AnnouncementService.AnnouncementServiceBase
{
    public sealed override async Task<ListAnnouncementsResponse> ListAnnouncements(ListAnnouncementsRequest request, ServerCallContext context)
    {
        var page = (await AnnouncementOperations.ListAsync(
            announcements, context.Actor(), Page(request.PageSize, request.PageToken), context.CancellationToken)).OrThrow();
        return new ListAnnouncementsResponse { Announcements = { page.Rows.Select(ProtoRows.ToProto) }, NextPageToken = page.NextToken };
    }
}

/// <summary>The service of announcements.</summary>
internal sealed class AnnouncementGrpc(AnnouncementOperations operations, Announcements announcements) : StoredAnnouncementGrpc(announcements)
{
    public override async Task<ProtoAnnouncement> Announce(AnnounceRequest request, ServerCallContext context)
    {
        var fields = new AnnouncementFields(
            Read<AnnouncementLevel>(request.Level, "level") ?? AnnouncementLevel.Notice,
            Read(request.From, "from"),
            Read(request.To, "to"),
            request.English,
            request.Chinese);
        return (await operations.AnnounceAsync(context.Actor(), request.RequestId, fields, context.CancellationToken)).OrThrow().ToProto();
    }

    public override async Task<ProtoAnnouncement> WithdrawAnnouncement(WithdrawAnnouncementRequest request, ServerCallContext context) =>
        (await operations.WithdrawAsync(context.Actor(), request.RequestId, request.AnnouncementId, context.CancellationToken)).OrThrow().ToProto();
}
