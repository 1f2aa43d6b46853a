using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGateway.Web.Accounts;

namespace OrleansGateway.Web.Mail;

/// <summary>Mails wait in the database until they are handed over, so that none is lost with a process or for a server that is away.</summary>
internal sealed class MailQueue(IDataProtectionProvider protection, TimeProvider time)
{
    private readonly IDataProtector _protector = protection.CreateProtector("people.mail");

    /// <summary>How many mails an address gets on a day (UTC) that anybody can cause, who has only to know it.</summary>
    public const int StrangersMax = 8;

    /// <summary>Of a row that asks for what leads somebody on who forgot their password.</summary>
    public const string Reset = "reset";

    /// <summary>Of a row that tells whoever has an address of a sign-in that was refused.</summary>
    public const string Refused = "refused";

    /// <summary>Adds one to what the context saves next.</summary>
    public void Add(PeopleContext people, Message message) => Add(people, "mail", message);

    /// <summary>
    /// The same for whoever has an address and forgot their password. Whether anybody has it is looked up when its turn comes: it takes as
    /// long to ask for where nobody does.
    /// </summary>
    public void AskReset(PeopleContext people, string email) => Add(people, Reset, new Message(email, "", ""));

    /// <summary>
    /// A sign-in that was refused, for the log of whoever has the address. It is no mail, and waits here for the same reason: it takes as long
    /// to refuse where nobody does.
    /// </summary>
    public void AddRefused(PeopleContext people, RefusedSignIn refused) => Add(people, Refused, refused);

    /// <summary>Counts a mail that anybody can cause.</summary>
    /// <returns>Whether it may be sent.</returns>
    public async Task<bool> MayAddAsync(PeopleContext people, string email)
    {
        var (recipient, day) = (Attempts.SubjectOf(email), DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime));
        return await people.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO people.mail_count (recipient, day, mails) VALUES ({recipient}, {day}, 1)
            ON CONFLICT (recipient, day) DO UPDATE SET mails = mail_count.mails + 1 WHERE mail_count.mails < {StrangersMax}
            """) == 1;
    }

    private void Add<T>(PeopleContext people, string kind, T content)
    {
        var now = time.GetUtcNow();
        people.Mails.Add(new QueuedMail { Kind = kind, Content = _protector.Protect(JsonSerializer.SerializeToUtf8Bytes(content)), CreatedAt = now, NextTryAt = now });
    }

    /// <summary>What a row holds.</summary>
    public T Read<T>(QueuedMail mail) => JsonSerializer.Deserialize<T>(_protector.Unprotect(mail.Content))!;
}

/// <summary>Somebody was not let in.</summary>
/// <param name="Outcome">As <see cref="SignInRecord"/> has it.</param>
internal sealed record RefusedSignIn(string Email, DateTimeOffset At, string Address, string Agent, string Outcome);

/// <summary>Hands queued mails over, and what waits with them.</summary>
internal sealed partial class MailSender(IServiceScopeFactory scopes, MailQueue queue, IMail mail, ISiteHost host, TimeProvider time, ILogger<MailSender> log)
    : LeasedRows<QueuedMail>(scopes, host, time, log)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    /// <summary>How long handing over may take.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    protected override TimeSpan LookEvery => TimeSpan.FromMilliseconds(200);

    protected override int TriesMax => 12;

    protected override string TakeSql =>
        """
        UPDATE people.mail SET next_try_at = {0}, tries = tries + 1
        WHERE id = (SELECT id FROM people.mail WHERE next_try_at <= {1} ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *
        """;

    protected override IQueryable<QueuedMail> Mine(PeopleContext people, QueuedMail row) => people.Mails.Where(one => one.Id == row.Id && one.Tries == row.Tries);

    /// <summary>Nothing is locked meanwhile, and no session of the database waits.</summary>
    protected override async Task DoAsync(IServiceProvider services, PeopleContext people, QueuedMail row, CancellationToken cancellationToken)
    {
        switch (row.Kind)
        {
            case MailQueue.Reset:
                await services.GetRequiredService<PersonMails>().ForgottenAsync(queue.Read<Message>(row).To);
                break;
            case MailQueue.Refused:
                await services.GetRequiredService<SignIns>().RecordAsync(queue.Read<RefusedSignIn>(row));
                break;
            default:
                using (var patience = new CancellationTokenSource(Patience, Time))
                using (var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken))
                {
                    await mail.SendAsync(new Outgoing($"mail-{row.Id}-{row.CreatedAt.UtcTicks}", queue.Read<Message>(row)), either.Token);
                }

                break;
        }

        await Mine(people, row).ExecuteDeleteAsync(cancellationToken);
    }

    protected override Task GiveUpAsync(IServiceProvider services, PeopleContext people, QueuedMail row, CancellationToken cancellationToken) =>
        Mine(people, row).ExecuteDeleteAsync(cancellationToken);

    protected override TimeSpan PauseAfter(int tries)
    {
        var pause = TimeSpan.FromSeconds(Math.Pow(2, tries) * 5);
        return pause < LongestPause ? pause : LongestPause;
    }

    protected override void LogFailure(QueuedMail row, Exception exception, bool isLast)
    {
        if (isLast)
        {
            LogGivenUp(row.Id, row.Tries, exception.Message);
        }
        else
        {
            LogNotSent(row.Id, row.Tries, exception.Message);
        }
    }

    [LoggerMessage(1400, LogLevel.Warning, "Mail {Id} was not sent at try {Tries}, and will be tried again: {Message}")]
    private partial void LogNotSent(long id, int tries, string message);

    [LoggerMessage(1401, LogLevel.Error, "Mail {Id} is given up after {Tries} tries: {Message}")]
    private partial void LogGivenUp(long id, int tries, string message);
}
