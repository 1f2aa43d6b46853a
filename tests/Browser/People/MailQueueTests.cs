using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Web.Mail;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>Mails wait in the database, and each is handed over by one process at a time.</summary>
public sealed class MailQueueTests(PostgresServer server)
{
    [Fact]
    public async Task Mail_WhileItIsHandedOver_KeepsNoTransactionAndIsNobodyElses()
    {
        InProcess? people = null;
        var looks = new List<(object? Open, bool HasOther)>();
        await using var made = people = await InProcess.StartAsync(server, new Sending(async _ => looks.Add((
            await people!.SqlAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"),
            await Sender(people).DoNextAsync(TestContext.Current.CancellationToken)))));
        await AddAsync(people);

        Assert.True(await Sender(people).DoNextAsync(TestContext.Current.CancellationToken));

        Assert.Equal((0L, false), Assert.Single(looks));
        Assert.Equal(0L, await people.SqlAsync("SELECT count(*) FROM people.mail"));
    }

    [Fact]
    public async Task Mail_WhoseProcessDies_IsSentByAnotherUnderTheSameId()
    {
        var ids = new List<string>();
        using var death = new CancellationTokenSource();
        await using var people = await InProcess.StartAsync(server, new Sending(mail =>
        {
            ids.Add(mail.Id);
            if (ids.Count == 1)
            {
                death.Cancel();
                death.Token.ThrowIfCancellationRequested();
            }

            return Task.CompletedTask;
        }));
        await AddAsync(people);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Sender(people).DoNextAsync(death.Token));
        Assert.False(await Sender(people).DoNextAsync(TestContext.Current.CancellationToken));
        people.Time.Advance(TimeSpan.FromMinutes(6));
        Assert.True(await Sender(people).DoNextAsync(TestContext.Current.CancellationToken));

        Assert.Equal(2, ids.Count);
        Assert.Equal(ids[0], ids[1]);
        Assert.Equal(0L, await people.SqlAsync("SELECT count(*) FROM people.mail"));
    }

    [Fact]
    public async Task Mail_ThatIsRefused_IsTriedAgainLaterAndGivenUpInTheEnd()
    {
        var tries = 0;
        await using var people = await InProcess.StartAsync(server, new Sending(_ =>
        {
            tries++;
            throw new InvalidOperationException("away");
        }));
        await AddAsync(people);

        Assert.True(await Sender(people).DoNextAsync(TestContext.Current.CancellationToken));
        Assert.False(await Sender(people).DoNextAsync(TestContext.Current.CancellationToken));
        for (var i = 1; i < 12; i++)
        {
            people.Time.Advance(TimeSpan.FromHours(2));
            Assert.True(await Sender(people).DoNextAsync(TestContext.Current.CancellationToken));
        }

        Assert.Equal(12, tries);
        Assert.Equal(0L, await people.SqlAsync("SELECT count(*) FROM people.mail"));
    }

    [Fact]
    public async Task MailsThatAnybodyCanCause_OfOneAddress_AreFewADay()
    {
        await using var people = await InProcess.StartAsync(server, new Sending(_ => Task.CompletedTask));
        var queue = people.Services.GetRequiredService<MailQueue>();
        Task<bool> MayAsync(string email) => people.WithAsync((context, _) => queue.MayAddAsync(context, email));

        for (var i = 0; i < MailQueue.StrangersMax; i++)
        {
            Assert.True(await MayAsync(i % 2 == 0 ? "a@example.org" : "A@Example.org"));
        }

        Assert.False(await MayAsync("a@example.org"));
        Assert.True(await MayAsync("b@example.org"));
        people.Time.Advance(TimeSpan.FromDays(1));
        Assert.True(await MayAsync("a@example.org"));
    }

    private static MailSender Sender(InProcess people) => people.Services.GetRequiredService<MailSender>();

    private static Task<int> AddAsync(InProcess people) => people.WithAsync((context, services) =>
    {
        services.GetRequiredService<MailQueue>().Add(context, new Message("a@example.org", "Subject", "Text"));
        return context.SaveChangesAsync(TestContext.Current.CancellationToken);
    });

    private sealed class Sending(Func<Outgoing, Task> send) : IMail
    {
        public Task SendAsync(Outgoing mail, CancellationToken cancellationToken) => send(mail);
    }
}
