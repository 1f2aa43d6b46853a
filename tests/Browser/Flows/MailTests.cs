using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>What strangers can cause to be mailed.</summary>
[Collection(nameof(SiteCollection))]
public sealed class MailTests(Site site)
{
    [Fact]
    public async Task Address_ThatStrangersKeepRegistering_GetsFewMailsADay()
    {
        const string email = "bombed@example.org";
        using var stranger = new FormClient(site, "203.0.113.20");
        for (var i = 0; i < 10; i++)
        {
            await stranger.RegisterAsync(email);
        }

        await stranger.TakenAsync("/forgot", "forgot", ("Email", email));
        await site.UntilAsync("SELECT count(*) = 0 FROM people.mail");

        Assert.Equal(8, site.MailsOf(email).Count);

        // Whoever registers last has the password, and no link of before confirms it.
        const string ownersOwn = "the owner's own password";
        using var owner = new FormClient(site);
        await owner.TakenAsync(
            "/register", "register", ("Email", email), ("PersonName", "Ada"), ("Password", ownersOwn), ("Agreed", "true"), ("OldEnough", "true"));
        using var confirmed = await owner.SubmitAsync(FormClient.Path(await site.MailedLinkAsync(email, "confirm")), "confirm");
        Assert.Equal(System.Net.HttpStatusCode.UnprocessableEntity, confirmed.StatusCode);
        await site.SqlAsync("UPDATE people.person SET email_confirmed = true WHERE email = $1", email);
        using var stopped = await stranger.SignInAsync(email, People.Password);
        Assert.Equal(System.Net.HttpStatusCode.UnprocessableEntity, stopped.StatusCode);
        using var taken = await owner.SignInAsync(email, ownersOwn);
        Assert.Equal(System.Net.HttpStatusCode.Found, taken.StatusCode);
    }

    [Fact]
    public async Task MailToAnAddressThatIsNotConfirmed_HasNoNameThatAStrangerChose()
    {
        const string email = "named@example.org";
        using var stranger = new FormClient(site, "203.0.113.21");
        await stranger.RegisterAsync(email, "You won! evil.example");
        await site.MailedLinkAsync(email, "confirm");

        Assert.DoesNotContain("evil.example", Assert.Single(site.MailsOf(email)).TextBody, StringComparison.Ordinal);
    }

    /// <summary>What the answer waits for does not depend on whether somebody has the address.</summary>
    [Fact]
    public async Task Forgot_ForAnAddressThatNobodyHas_QueuesTheSame()
    {
        const string known = "somebody-here@example.org";
        using var stranger = new FormClient(site, "203.0.113.22");
        await stranger.RegisterAsync(known);

        // The queue itself adds rows, and removes them: only what is asked for counts.
        await site.SqlAsync("""
            CREATE TABLE asked (kind text);
            CREATE FUNCTION note_asked() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO asked VALUES (NEW.kind); RETURN NEW; END';
            CREATE TRIGGER note_asked BEFORE INSERT ON people.mail FOR EACH ROW WHEN (NEW.kind = 'reset') EXECUTE FUNCTION note_asked()
            """);
        Assert.Equal(1L, await QueuedAsync(known));
        Assert.Equal(1L, await QueuedAsync("nobody-here@example.org"));
        await site.UntilAsync("SELECT count(*) = 0 FROM people.mail");
        Assert.Equal(2, site.MailsOf(known).Count);
        Assert.Empty(site.MailsOf("nobody-here@example.org"));

        async Task<long> QueuedAsync(string email)
        {
            const string Asked = "SELECT count(*) FROM asked";
            var before = (long)(await site.SqlAsync(Asked))!;
            await stranger.TakenAsync("/forgot", "forgot", ("Email", email));
            return (long)(await site.SqlAsync(Asked))! - before;
        }
    }

    [Theory]
    [InlineData("Ada\uFFFD")]
    [InlineData("Ada\u0007")]
    public async Task Name_ThatCannotBeStored_IsRefusedAtItsField(string name)
    {
        using var person = new FormClient(site);
        using var refused = await person.SubmitAsync(
            "/register", "register", ("Email", "odd-name@example.org"), ("PersonName", name), ("Password", People.Password), ("Agreed", "true"), ("OldEnough", "true"));

        Assert.Equal(System.Net.HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        Assert.Contains("id=\"PersonName-problem\"", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
