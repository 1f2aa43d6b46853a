using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>From nobody to somebody who is signed in.</summary>
[Collection(nameof(SiteCollection))]
public sealed class RegistrationTests(Site site)
{
    [Theory]
    [InlineData("en")]
    [InlineData("zh")]
    public async Task Person_WhoRegistersAndConfirms_SignsIn(string language)
    {
        await using var visitor = await site.VisitAsync(language);

        await People.RegisteredAsync(site, visitor, $"ada-{language}@example.org");

        Assert.Equal("/console", new Uri(visitor.Page.Url).AbsolutePath);
    }

    [Fact]
    public async Task Form_ThatIsWrong_SaysSoAtTheFieldAndKeepsWhatWasTyped()
    {
        await using var visitor = await site.VisitAsync();
        visitor.MayFail.Add("/register");
        await visitor.OpenAsync("/register");
        await People.FillAsync(visitor, "kept@example.org");
        await visitor.FillAsync("Password", "short");

        await visitor.SubmitAsync();

        await visitor.Page.Locator("#Password-problem").WaitForAsync();
        Assert.Equal("kept@example.org", await visitor.Page.Locator("[name=Email]").InputValueAsync());
    }

    [Fact]
    public async Task Address_ThatIsKnown_IsToldToItsOwnerAlone()
    {
        const string email = "known@example.org";
        await using var owner = await site.VisitAsync();
        await People.SignedInAsync(site, owner, email);
        await using var other = await site.VisitAsync();
        await other.OpenAsync("/register");
        await People.FillAsync(other, email);

        await other.SubmitAsync();

        await other.ArrivesAsync("/mail-sent");
        await other.OpenAsync("/forgot");
        await other.FillAsync("Email", "nobody@example.org");
        await other.SubmitAsync();
        await other.ArrivesAsync("/mail-sent");
    }

    /// <summary>Who registers somebody else's address does not choose the password that its owner confirms.</summary>
    [Fact]
    public async Task Address_RegisteredByAStrangerFirst_HasItsOwnersPassword()
    {
        const string email = "twice@example.org";
        await using var stranger = await site.VisitAsync();
        await stranger.OpenAsync("/register");
        await People.FillAsync(stranger, email);
        await stranger.FillAsync("Password", "the stranger's password");
        await stranger.SubmitAsync();
        await stranger.ArrivesAsync("/mail-sent");
        var voided = await site.MailedLinkAsync(email, "confirm");

        await using var owner = await site.VisitAsync();
        await owner.OpenAsync("/register");
        await People.FillAsync(owner, email);
        await owner.SubmitAsync();
        await owner.ArrivesAsync("/mail-sent");
        await owner.OpenAsync(await site.MailedLinkAsync(email, "confirm", other: voided));
        await owner.SubmitAsync();
        await owner.ArrivesAsync("/sign-in?confirmed=true");
        await People.SignInAsync(owner, email, People.Password);
    }

    [Fact]
    public async Task Password_ThatWasForgotten_IsSetAnewAndEndsOtherSessions()
    {
        const string email = "forgot@example.org";
        await using var first = await site.VisitAsync();
        await People.SignedInAsync(site, first, email);
        await using var second = await site.VisitAsync();
        await second.OpenAsync("/forgot");
        await second.FillAsync("Email", email);
        await second.SubmitAsync();
        await second.ArrivesAsync("/mail-sent");
        await second.OpenAsync(await site.MailedLinkAsync(email, "reset"));
        await second.FillAsync("Password", "another long password");

        await second.SubmitAsync();

        await second.ArrivesAsync("/sign-in?changed=true");
        await first.OpenAsync("/console");
        Assert.Equal("/sign-in", new Uri(first.Page.Url).AbsolutePath);
        await People.SignInAsync(second, email, "another long password");
        Assert.Equal("/console", new Uri(second.Page.Url).AbsolutePath);
    }

    [Fact]
    public async Task SignIn_WithAWrongPassword_SaysTheSameForWhoIsNobody()
    {
        const string email = "wrong@example.org";
        await using var visitor = await site.VisitAsync();
        visitor.MayFail.Add("/sign-in");
        await People.SignedInAsync(site, visitor, email);
        await using var other = await site.VisitAsync();
        other.MayFail.Add("/sign-in");
        var told = new List<string>();
        foreach (var address in new[] { email, "nobody@example.org" })
        {
            await other.OpenAsync("/sign-in");
            await other.FillAsync("Email", address);
            await other.FillAsync("Password", "not the password");
            await other.SubmitAsync();
            told.Add(await other.Page.Locator("[role=alert]:visible").InnerTextAsync());
        }

        Assert.Equal(told[0], told[1]);
    }
}
