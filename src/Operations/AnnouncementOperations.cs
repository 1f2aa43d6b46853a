using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Operations;

/// <summary>An announcement as it is asked for.</summary>
/// <param name="From">Null: from now on.</param>
/// <param name="To">Null: until it is withdrawn.</param>
/// <param name="English">1–1000 characters, as <paramref name="Chinese"/>.</param>
public sealed record AnnouncementFields(AnnouncementLevel Level, DateTimeOffset? From, DateTimeOffset? To, string English, string Chinese);

/// <summary>Announcements: made, listed, withdrawn.</summary>
public sealed class AnnouncementOperations(Changes changes, Announcements announcements, RandomSource random, TimeProvider time)
{
    private const int TextLengthMax = 1_000;
    private const string SubjectPrefix = "announcement/";

    /// <summary>Makes one.</summary>
    public async Task<Result<Announcement>> AnnounceAsync(Actor actor, string requestId, AnnouncementFields fields, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        problems.CheckText("english", fields.English, TextLengthMax);
        problems.CheckText("chinese", fields.Chinese, TextLengthMax);
        var now = time.GetUtcNow();
        if (fields.To is { } to && to <= (fields.From ?? now))
        {
            problems.Add("to", "It must be after it begins, or not set for no end.");
        }

        return problems.ToFailure() is { } failure ? failure : await changes.RunAsync(
            actor,
            requestId,
            new Change<Announcement>
            {
                Action = "announcement.create",
                Subject = SubjectPrefix + Ids.NewKeyId(random),
                Request = fields,
                Read = static _ => Task.FromResult<Result<Before>>(new Before(null)),
                Act = async subject =>
                {
                    var id = subject[SubjectPrefix.Length..];
                    await announcements.AddAsync(
                        new Announcement
                        {
                            AnnouncementId = id,
                            Level = fields.Level,
                            From = fields.From ?? now,
                            To = fields.To,
                            English = fields.English,
                            Chinese = fields.Chinese,
                            CreatedAt = now,
                        },
                        CancellationToken.None);
                    return await FindAsync(id);
                },
            },
            cancellationToken);
    }

    /// <summary>Withdraws one for good.</summary>
    public async Task<Result<Announcement>> WithdrawAsync(Actor actor, string requestId, string announcementId, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        return problems.ToFailure() is { } failure ? failure
            : !Ids.IsKeyId(announcementId) ? Unknown(announcementId)
            : await changes.RunAsync(
                actor,
                requestId,
                new Change<Announcement>
                {
                    Action = "announcement.withdraw",
                    Subject = SubjectPrefix + announcementId,
                    Request = new { announcementId },
                    Read = async _ =>
                    {
                        var found = await FindAsync(announcementId);
                        return found.Failure is { } unknown ? unknown : new Before(found.Value);
                    },
                    Act = async _ =>
                    {
                        await announcements.WithdrawAsync(announcementId, time.GetUtcNow(), CancellationToken.None);
                        return await FindAsync(announcementId);
                    },
                },
                cancellationToken);
    }

    private async Task<Result<Announcement>> FindAsync(string id) =>
        await announcements.FindAsync(id, CancellationToken.None) is { } found ? found : Unknown(id);

    private static Failure Unknown(string id) => new(FailureKind.UnknownAnnouncement, $"There is no announcement {Echo.Of(id)}.")
    {
        Fields = [new FieldProblem("announcement_id", "There is no such announcement.")],
    };

    /// <summary>All of them, newest first. Asks the database alone, so it needs no running gateway.</summary>
    public static async Task<Result<Page<Announcement>>> ListAsync(Announcements announcements, Actor actor, PageRequest page, CancellationToken cancellationToken)
    {
        if (actor.Refusal is { } refusal)
        {
            return refusal;
        }

        var read = await new Paging("announcements", "").ReadAsync(
            page,
            (before, limit) => announcements.ListAsync(before, limit, cancellationToken),
            static row => row.Number.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Paging.Number);
        return read.Failure is { } failure ? failure : new Page<Announcement>([.. read.Value!.Rows.Select(static row => row.Announcement)], read.Value.NextToken);
    }
}
