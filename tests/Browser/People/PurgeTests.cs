using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OrleansGateway.Tests.Integration.Postgres;
using OrleansGateway.Web.Accounts;
using OrleansGateway.Web.Mail;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>What is kept of people goes when its time is over, and nothing else does.</summary>
public sealed class PurgeTests(PostgresServer server)
{
    /// <summary>Ages at both sides of the limits.</summary>
    private static readonly int[] SignInDays = [89, 91];

    private static readonly int[] SessionDays = [13, 15];

    [Fact]
    public async Task Rows_OlderThanTheirPeriods_GoAndYoungerOnesStay()
    {
        await using var people = await InProcess.StartAsync(server, new NoMail());
        var now = people.Time.GetUtcNow();
        await people.WithAsync(async (context, _) =>
        {
            var member = Add(now.AddDays(-400), isConfirmed: true);
            Add(now.AddDays(-8), isConfirmed: false);
            Add(now.AddDays(-6), isConfirmed: false);
            foreach (var days in SignInDays)
            {
                context.SignIns.Add(new SignInRecord { PersonId = member, At = now.AddDays(-days), Outcome = "signed_in" });
            }

            foreach (var days in SessionDays)
            {
                context.Sessions.Add(new Session { Id = new Guid(days, 0, 0, new byte[8]), PersonId = member, CreatedAt = now.AddDays(-99), SeenAt = now.AddDays(-days) });
            }

            return await context.SaveChangesAsync(TestContext.Current.CancellationToken);

            Guid Add(DateTimeOffset at, bool isConfirmed)
            {
                var id = new Guid((int)(now - at).TotalDays, 1, 0, new byte[8]);
                context.Users.Add(new Person { Id = id, UserName = id.ToString(), NormalizedUserName = id.ToString(), EmailConfirmed = isConfirmed, CreatedAt = at });
                return id;
            }
        });

        Assert.True(await people.Services.GetRequiredService<PeoplePurge>().RunAsync(TestContext.Current.CancellationToken));

        Assert.Equal(2L, await people.SqlAsync("SELECT count(*) FROM people.person"));
        Assert.Equal(1L, await people.SqlAsync("SELECT count(*) FROM people.sign_in"));
        Assert.Equal(1L, await people.SqlAsync("SELECT count(*) FROM people.session"));
    }

    [Fact]
    public async Task Run_WhileAnotherProcessPurges_LeavesItToThat()
    {
        await using var people = await InProcess.StartAsync(server, new NoMail());
        await using var other = await people.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var take = new NpgsqlCommand($"SELECT pg_advisory_lock({0x6F67_0010})", other);
        await take.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var purge = people.Services.GetRequiredService<PeoplePurge>();

        Assert.False(await purge.RunAsync(TestContext.Current.CancellationToken));

        await using var free = new NpgsqlCommand($"SELECT pg_advisory_unlock({0x6F67_0010})", other);
        await free.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        Assert.True(await purge.RunAsync(TestContext.Current.CancellationToken));
    }

    private sealed class NoMail : IMail
    {
        public Task SendAsync(Outgoing mail, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
