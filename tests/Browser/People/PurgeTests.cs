using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OrleansGateway.Operations;
using OrleansGateway.Tests.Programs.Postgres;
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
    public async Task Table_ThatCannotBePurged_KeepsNoOtherFromIt()
    {
        await using var people = await InProcess.StartAsync(server, new NoMail());
        await people.SqlAsync("DROP TABLE people.sign_in");
        await people.SqlAsync("INSERT INTO people.mail_count (recipient, day, mails) VALUES (gen_random_uuid(), '2000-01-01', 1)");
        await people.SqlAsync("INSERT INTO people.attempt (subject, network, attempts, at) VALUES (gen_random_uuid(), '*', 1, '1900-01-01')");

        Assert.True(await people.Services.GetRequiredService<PeoplePurge>().RunAsync(TestContext.Current.CancellationToken));

        Assert.Equal(0L, await people.SqlAsync("SELECT count(*) FROM people.attempt"));
    }

    /// <summary>Once its day has come it is carried out: what is left of it could not be kept.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(0, false)]
    public async Task Deletion_IsUndone_BeforeItsDayAlone(int daysLeft, bool isUndone)
    {
        await using var people = await InProcess.StartAsync(server, new NoMail());
        var id = new Guid(1, 2, 3, new byte[8]);
        var due = people.Time.GetUtcNow().AddDays(daysLeft);
        await people.WithAsync(async (context, _) =>
        {
            context.Users.Add(new Person { Id = id, UserName = "x", DeletionDueAt = due });
            return await context.SaveChangesAsync(TestContext.Current.CancellationToken);
        });
        var person = new CurrentPerson(id, Guid.Empty, "", "", null, TimeZoneInfo.Utc, new Actor(ActorKind.Person, id.ToString("N"), "-")) { DeletionDueAt = due };

        Assert.Equal(isUndone, await people.WithAsync((_, services) => services.GetRequiredService<Deletions>().UndoAsync(person, TestContext.Current.CancellationToken)));

        Assert.Equal(isUndone ? 1L : 0L, await people.SqlAsync("SELECT count(*) FROM people.person WHERE deletion_due_at IS NULL"));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Export_ThatFailsAtItsLastTry_IsGoneAndToldOf(int tries)
    {
        await using var people = await InProcess.StartAsync(server, new NoMail());
        var (id, now) = (new Guid(1, 2, 3, new byte[8]), people.Time.GetUtcNow());
        await people.WithAsync(async (context, _) =>
        {
            context.Users.Add(new Person { Id = id, UserName = "x@example.org", Email = "x@example.org", EmailConfirmed = true });
            context.DataExports.Add(new DataExport { Id = id, PersonId = id, AskedAt = now, NextTryAt = now, Tries = tries, ExpiresAt = now.AddDays(7) });
            return await context.SaveChangesAsync(TestContext.Current.CancellationToken);
        });

        // What exports are made of is not there.
        using var maker = ActivatorUtilities.CreateInstance<DataExportMaker>(people.Services);
        Assert.True(await maker.DoNextAsync(TestContext.Current.CancellationToken));

        Assert.Equal(0L, await people.SqlAsync("SELECT count(*) FROM people.data_export"));
        Assert.Equal(1L, await people.SqlAsync("SELECT count(*) FROM people.mail"));
        Assert.False(await maker.DoNextAsync(TestContext.Current.CancellationToken));
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
