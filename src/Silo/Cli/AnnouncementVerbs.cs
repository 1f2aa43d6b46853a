using System.CommandLine;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary><c>announcement …</c>: what site and console tell everybody.</summary>
internal static class AnnouncementVerbs
{
    public static Command Create() => new("announcement", "announcements: what site and console tell everybody")
    {
        Announce(),
        List(),
        Withdraw(),
    };

    private static Command Announce()
    {
        var english = new Argument<string>("english") { Description = "the text in English" };
        var chinese = new Argument<string>("chinese") { Description = "the text in Chinese" };
        var level = Choice("--level", "how much it matters, notice unless given", AnnouncementLevel.Notice, AnnouncementLevel.Warning, AnnouncementLevel.Urgent);
        var (from, to) = (From(), To());
        return Change("announce", "makes one; it is shown from now on unless --from says otherwise", [english, chinese, level, from, to], async (session, parsed) =>
        {
            var request = new AnnounceRequest
            {
                RequestId = session.RequestId,
                Level = parsed.GetValue(level),
                From = parsed.GetValue(from),
                To = parsed.GetValue(to),
                English = parsed.GetValue(english),
                Chinese = parsed.GetValue(chinese),
            };
            session.Output.Write(Rows.Of(await session.Announcements.AnnounceAsync(request, session.Soon)));
        });
    }

    private static Command List()
    {
        var limit = Limit("at most so many, the newest first (default: all)");
        return Reading("list", "all of them, ended and withdrawn ones too", [limit], (session, parsed) => session.WritePagesAsync<Announcement>(
            parsed.GetValue(limit),
            async (size, token) =>
            {
                var page = await session.Announcements.ListAnnouncementsAsync(new ListAnnouncementsRequest { PageSize = size, PageToken = token }, session.Soon);
                return (page.Announcements, page.NextPageToken);
            },
            Rows.Of));
    }

    private static Command Withdraw()
    {
        var id = new Argument<string>("id") { Description = "the announcement's id" };
        return Change("withdraw", "shows one no longer, for good", [id], async (session, parsed) =>
        {
            var request = new WithdrawAnnouncementRequest { RequestId = session.RequestId, AnnouncementId = parsed.GetValue(id) };
            session.Output.Write(Rows.Of(await session.Announcements.WithdrawAnnouncementAsync(request, session.Soon)));
        });
    }
}
