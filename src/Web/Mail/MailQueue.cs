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

    /// <summary>Adds one to what the context saves next.</summary>
    public void Add(PeopleContext people, Message message)
    {
        var now = time.GetUtcNow();
        people.Mails.Add(new QueuedMail { Content = _protector.Protect(JsonSerializer.SerializeToUtf8Bytes(message)), CreatedAt = now, NextTryAt = now });
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
    private async Task<bool> SendNextAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var people = scope.ServiceProvider.GetRequiredService<PeopleContext>();
        await using var transaction = await people.Database.BeginTransactionAsync(cancellationToken);
        var now = time.GetUtcNow();
        var found = await people.Mails
            .FromSql($"SELECT * FROM people.mail WHERE next_try_at <= {now} ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED")
            .ToListAsync(cancellationToken);
        if (found is not [var next])
        {
            return false;
        }

        try
        {
            await mail.SendAsync(queue.Read(next), cancellationToken);
            people.Mails.Remove(next);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            next.Tries++;
            if (next.Tries >= TriesMax)
            {
                LogGivenUp(next.Id, next.Tries, exception.Message);
                people.Mails.Remove(next);
            }
            else
            {
                var pause = TimeSpan.FromSeconds(Math.Pow(2, next.Tries) * 5);
                next.NextTryAt = now + (pause < LongestPause ? pause : LongestPause);
                LogNotSent(next.Id, next.Tries, exception.Message);
            }
        }

        await people.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    [LoggerMessage(1400, LogLevel.Warning, "Mail {Id} was not sent at try {Tries}, and will be tried again: {Message}")]
    private partial void LogNotSent(long id, int tries, string message);

    [LoggerMessage(1401, LogLevel.Error, "Mail {Id} is given up after {Tries} tries: {Message}")]
    private partial void LogGivenUp(long id, int tries, string message);

    [LoggerMessage(1402, LogLevel.Warning, "Queued mails cannot be read at the moment: {Message}")]
    private partial void LogAway(string message);
}
