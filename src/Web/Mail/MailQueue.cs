using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
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

    /// <summary>Adds one to what the context saves next.</summary>
    public void Add(PeopleContext people, Message message) => Add(people, "mail", message);

    /// <summary>
    /// The same for whoever has an address and forgot their password. Whether anybody has it is looked up when its turn comes: it takes as
    /// long to ask for where nobody does.
    /// </summary>
    public void AskReset(PeopleContext people, string email) => Add(people, Reset, new Message(email, "", ""));

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

    private void Add(PeopleContext people, string kind, Message message)
    {
        var now = time.GetUtcNow();
        people.Mails.Add(new QueuedMail { Kind = kind, Content = _protector.Protect(JsonSerializer.SerializeToUtf8Bytes(message)), CreatedAt = now, NextTryAt = now });
    }

    /// <summary>What a row holds.</summary>
    public Message Read(QueuedMail mail) => JsonSerializer.Deserialize<Message>(_protector.Unprotect(mail.Content))!;
}

/// <summary>Hands queued mails over, one after another; of several processes each takes others.</summary>
internal sealed partial class MailSender(IServiceScopeFactory scopes, MailQueue queue, IMail mail, ISiteHost host, TimeProvider time, ILogger<MailSender> log)
    : BackgroundService
{
    private const int TriesMax = 12;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    /// <summary>How long handing over may take.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>How long a mail is one process' own.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                while (host.IsReady && await SendNextAsync(stoppingToken))
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
    internal async Task<bool> SendNextAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var people = scope.ServiceProvider.GetRequiredService<PeopleContext>();

        // 1. It is taken for a while: a process that dies now leaves it to another one.
        var now = time.GetUtcNow();
        var until = now + Lease;
        var found = await people.Mails
            .FromSql($"""
                UPDATE people.mail SET next_try_at = {until}, tries = tries + 1
                WHERE id = (SELECT id FROM people.mail WHERE next_try_at <= {now} ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *
                """)
            .AsNoTracking().ToListAsync(cancellationToken);
        if (found is not [var next])
        {
            return false;
        }

        // 2. It is sent, while nothing is locked and no session of the database waits.
        var mine = people.Mails.Where(one => one.Id == next.Id && one.Tries == next.Tries);
        try
        {
            using var patience = new CancellationTokenSource(Patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
            if (next.Kind == MailQueue.Reset)
            {
                await scope.ServiceProvider.GetRequiredService<PersonMails>().ForgottenAsync(queue.Read(next).To);
            }
            else
            {
                await mail.SendAsync(new Outgoing($"mail-{next.Id}-{next.CreatedAt.UtcTicks}", queue.Read(next)), either.Token);
            }
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            if (next.Tries < TriesMax)
            {
                var pause = TimeSpan.FromSeconds(Math.Pow(2, next.Tries) * 5);
                var again = time.GetUtcNow() + (pause < LongestPause ? pause : LongestPause);
                await mine.ExecuteUpdateAsync(set => set.SetProperty(one => one.NextTryAt, again), cancellationToken);
                LogNotSent(next.Id, next.Tries, exception.Message);
                return true;
            }

            LogGivenUp(next.Id, next.Tries, exception.Message);
        }

        // 3. It is done with, unless it took so long that somebody else has it.
        await mine.ExecuteDeleteAsync(cancellationToken);
        return true;
    }

    [LoggerMessage(1400, LogLevel.Warning, "Mail {Id} was not sent at try {Tries}, and will be tried again: {Message}")]
    private partial void LogNotSent(long id, int tries, string message);

    [LoggerMessage(1401, LogLevel.Error, "Mail {Id} is given up after {Tries} tries: {Message}")]
    private partial void LogGivenUp(long id, int tries, string message);

    [LoggerMessage(1402, LogLevel.Warning, "Queued mails cannot be read at the moment: {Message}")]
    private partial void LogAway(string message);
}
