using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Web.Accounts;
using OrleansGateway.Web.Mail;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>What second factors hang on.</summary>
public sealed class TokenTests(PostgresServer server)
{
    [Fact]
    public async Task Secrets_OfEarlierVersions_AreReadAndRewritten()
    {
        const string secret = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        await using var people = await InProcess.StartAsync(server, new NoMail());
        var id = new Guid(1, 2, 3, new byte[8]);
        await people.WithAsync(async (context, _) =>
        {
            context.Users.Add(new Person { Id = id, UserName = "old@example.org", Email = "old@example.org", SecurityStamp = "stamp" });
            context.UserTokens.AddRange(Token("AuthenticatorKey", secret), Token("RecoveryCodes", "AAAAA-BBBBB;CCCCC-DDDDD"));
            return await context.SaveChangesAsync(TestContext.Current.CancellationToken);
        });

        Assert.Equal(secret, await WithPersonAsync((users, person) => users.GetAuthenticatorKeyAsync(person)));
        Assert.Equal(2, await WithPersonAsync((users, person) => users.CountRecoveryCodesAsync(person)));
        Assert.Equal(2L, await people.SqlAsync("SELECT count(*) FROM people.person_token WHERE value LIKE 'CfDJ8%'"));
        Assert.Equal(secret, await WithPersonAsync((users, person) => users.GetAuthenticatorKeyAsync(person)));
        Assert.False(await RedeemAsync("AAAAA-AAAAA"));
        Assert.True(await RedeemAsync("AAAAA-BBBBB"));
        Assert.False(await RedeemAsync("AAAAA-BBBBB"));
        Assert.True(await RedeemAsync("CCCCC-DDDDD"));

        IdentityUserToken<Guid> Token(string name, string value) => new() { UserId = id, LoginProvider = "[AspNetUserStore]", Name = name, Value = value };

        Task<T> WithPersonAsync<T>(Func<UserManager<Person>, Person, Task<T>> work) => people.WithAsync(async (_, services) =>
        {
            var users = services.GetRequiredService<UserManager<Person>>();
            return await work(users, (await users.FindByIdAsync(id.ToString()))!);
        });

        Task<bool> RedeemAsync(string code) => WithPersonAsync(async (users, person) => (await users.RedeemTwoFactorRecoveryCodeAsync(person, code)).Succeeded);
    }

    private sealed class NoMail : IMail
    {
        public Task SendAsync(Outgoing mail, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
