using System.Net;
using OrleansGateway.Tests.Browser.Running;
using OrleansGateway.Tests.Programs.OpenId;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>Sign-in by a provider of OpenID Connect, which never makes anybody the owner of an account that they did not sign in to.</summary>
[Collection(nameof(SiteCollection))]
public sealed class OpenIdTests(Site site)
{
    private const string Start = "/sign-in/openid?returnUrl=/console/keys";

    [Theory]
    [InlineData("en", "Sign in with Example Login", "openid-en@example.org")]
    [InlineData("zh", "使用 Example Login 登录", "openid-zh@example.org")]
    public async Task Visitor_WhoIsNew_RegistersWithoutAPasswordAndComesBack(string language, string button, string email)
    {
        site.OpenId.Visitor = new OpenIdSubject(email, email, Name: "Grace");
        await using var visitor = await site.VisitAsync(language);
        await visitor.OpenAsync("/register");
        await visitor.Page.GetByText(button).ClickAsync();
        await visitor.ArrivesAsync("/sign-in/openid/done");
        Assert.Equal("Grace", await visitor.Page.Locator("[name=PersonName]").InputValueAsync());
        await visitor.PictureAsync($"openid-register-{language}");
        await visitor.Page.Locator("[name=Agreed]").CheckAsync();
        await visitor.Page.Locator("[name=OldEnough]").CheckAsync();
        await visitor.SubmitAsync();
        await visitor.ArrivesAsync("/console");

        // Of what the provider says, issuer and subject are kept, and what the person registered with.
        Assert.Equal(
            $"{site.OpenId.Url} {email}  Grace",
            await site.SqlAsync(
                """
                SELECT login_provider || ' ' || provider_key || ' ' || coalesce(provider_display_name, '') || ' ' || coalesce(password_hash, name)
                FROM people.person JOIN people.person_login ON user_id = person.id WHERE email = $1 AND email_confirmed
                """,
                email));
        Assert.Equal(3L, await site.SqlAsync("SELECT count(*) FROM people.consent JOIN people.person ON person_id = person.id WHERE email = $1", email));
        await visitor.OpenAsync("/console/security");
        await visitor.PictureAsync($"openid-security-{language}");
        Assert.Empty(await visitor.FindingsAsync());

        // The next time, the button is enough.
        await visitor.Page.Locator("header form button").ClickAsync();
        await visitor.OpenAsync("/sign-in");
        await visitor.Page.GetByText(button).ClickAsync();
        await visitor.ArrivesAsync("/console");
        Assert.Equal(2L, await site.SqlAsync("SELECT count(*) FROM people.sign_in JOIN people.person ON person_id = person.id WHERE email = $1 AND outcome = 'signed_in'", email));
    }

    [Fact]
    public async Task Person_WithoutAPassword_SetsOneByMailBeforeWhatAsksForIt()
    {
        const string email = "openid-password@example.org";
        using var person = await RegisteredAsync(email);
        foreach (var page in new[] { "/console/privacy/delete", "/console/email", "/console/security/app", "/console/security" })
        {
            var text = await person.TextAsync(page);
            Assert.Contains("asks for a password, and you have none yet. <a href=\"/console/security#password\">Set a password</a>", text, StringComparison.Ordinal);
            Assert.DoesNotContain("type=\"password\"", text, StringComparison.Ordinal);
            Assert.DoesNotContain("our password", text, StringComparison.Ordinal);
        }

        // A form that is sent all the same does nothing.
        var fields = await person.FormAsync("/console/security", "password-first");
        fields["_handler"] = "openid-unlink";
        using (await person.PostAsync("/console/security", fields))
        {
            Assert.Equal(1L, await LoginsAsync(email));
        }

        Assert.Equal("/mail-sent", await person.TakenAsync("/console/security", "password-first"));
        await person.TakenAsync(FormClient.Path(await site.MailedLinkAsync(email, "reset")), "reset", ("Password", People.Password));
        using var signedIn = await person.SignInAsync(email, People.Password);
        Assert.Equal("/console", FormClient.Location(signedIn));

        // With a password, the link can go.
        await person.TakenAsync("/console/security", "openid-unlink", ("UnlinkPassword", People.Password));
        Assert.Equal(0L, await LoginsAsync(email));
    }

    [Fact]
    public async Task Address_OfAnAccountHere_LetsNobodyInUntilItsOwnerLinked()
    {
        const string email = "openid-owner@example.org";
        using var owner = new FormClient(site);
        await owner.BecomeAsync(site, email);
        using var visitor = new FormClient(site);
        site.OpenId.Visitor = new OpenIdSubject("subject-1", email);
        Assert.Contains("There is an account with the address", await RefusedAsync(visitor, Start), StringComparison.Ordinal);
        Assert.Equal(0L, await LoginsAsync(email));

        // 1. A session alone does not link: it takes the password.
        using (var wrong = await owner.SubmitAsync("/console/security", "openid-link", ("LinkPassword", "a wrong password")))
        {
            Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);
            Assert.Contains("This is not your current password.", await wrong.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }

        Assert.Equal("/console/security?saved=true", await ReturnAsync(owner, await LinkAddressAsync(owner)));
        Assert.Equal(1L, await LoginsAsync(email));
        await site.MailedLinkOfAsync(email, "/forgot");

        // 2. Now it signs in, and leads where it was asked to.
        Assert.Equal("/console/keys", await ReturnAsync(visitor, await BeginAsync(visitor, Start)));
        Assert.Contains(email, await visitor.TextAsync("/console/profile"), StringComparison.Ordinal);

        // 3. Nobody else can link the same.
        using var other = new FormClient(site);
        await other.BecomeAsync(site, "openid-other@example.org");
        Assert.Contains("was not linked", await ReturnedTextAsync(other, await LinkAddressAsync(other)), StringComparison.Ordinal);
        Assert.Equal(0L, await LoginsAsync("openid-other@example.org"));

        // 4. Unlinked, it lets in nobody.
        await owner.TakenAsync("/console/security", "openid-unlink", ("UnlinkPassword", People.Password));
        using var later = new FormClient(site);
        Assert.Contains("There is an account with the address", await RefusedAsync(later, Start), StringComparison.Ordinal);
    }

    /// <summary>Who registers somebody else's address first, and never confirms it, gets nothing of it.</summary>
    [Fact]
    public async Task Address_ThatSomebodyRegisteredAndNobodyConfirmed_IsNotLinked()
    {
        const string email = "openid-squatted@example.org";
        using var squatter = new FormClient(site);
        await squatter.RegisterAsync(email);
        using var visitor = new FormClient(site);
        site.OpenId.Visitor = new OpenIdSubject("subject-2", email);
        Assert.Contains("There is an account with the address", await RefusedAsync(visitor, Start), StringComparison.Ordinal);
        Assert.Equal(0L, await LoginsAsync(email));
    }

    [Theory]
    [InlineData("openid-known@example.org", true)]
    [InlineData("openid-unknown@example.org", false)]
    public async Task Address_ThatTheProviderDoesNotVouchFor_IsRefusedWhetherOrNotItIsKnown(string email, bool isKnown)
    {
        using var owner = new FormClient(site);
        if (isKnown)
        {
            await owner.BecomeAsync(site, email);
        }

        using var visitor = new FormClient(site);
        site.OpenId.Visitor = new OpenIdSubject("subject-3", email, IsEmailVerified: false);
        Assert.Contains("does not confirm that your e-mail address is yours", await RefusedAsync(visitor, Start), StringComparison.Ordinal);
        if (isKnown)
        {
            Assert.Contains("does not confirm", await ReturnedTextAsync(owner, await LinkAddressAsync(owner)), StringComparison.Ordinal);
            Assert.Equal(0L, await LoginsAsync(email));
        }
    }

    /// <summary>Some providers, Microsoft's Entra ID among them, never say whether an address is confirmed.</summary>
    [Fact]
    public async Task Address_OfWhichTheProviderSaysNothing_CountsOnlyWhereItIsTrusted()
    {
        const string email = "openid-silent@example.org";
        using var visitor = new FormClient(site);
        site.OpenId.Visitor = new OpenIdSubject(email, email, IsEmailVerified: null);
        Assert.Contains("does not confirm", await RefusedAsync(visitor, Start), StringComparison.Ordinal);
        await site.RestartAsync(("Site:OpenIdTrustsEmail", "true"));
        try
        {
            // 1. It registers, and it links.
            using var registered = await RegisteredAsync(email, isEmailVerified: null);
            using var owner = new FormClient(site);
            await owner.BecomeAsync(site, "openid-silent-owner@example.org");
            site.OpenId.Visitor = new OpenIdSubject("subject-6", "openid-silent-owner@example.org", IsEmailVerified: null);
            Assert.Equal("/console/security?saved=true", await ReturnAsync(owner, await LinkAddressAsync(owner)));

            // 2. A no is a no.
            site.OpenId.Visitor = new OpenIdSubject("subject-7", "openid-denied@example.org", IsEmailVerified: false);
            Assert.Contains("does not confirm", await RefusedAsync(visitor, Start), StringComparison.Ordinal);
        }
        finally
        {
            await site.RestartAsync(("Site:OpenIdTrustsEmail", "false"));
        }
    }

    /// <summary>A link that one person began is not ended by another, who followed an address that was sent to them.</summary>
    [Fact]
    public async Task Link_BegunInAnotherSession_IsRefused()
    {
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "openid-first@example.org");
        site.OpenId.Visitor = new OpenIdSubject("subject-4", "openid-first@example.org");
        var address = await LinkAddressAsync(person);
        using (await person.SignInAsync("openid-first@example.org", People.Password))
        {
        }

        Assert.Contains("was not linked", await ReturnedTextAsync(person, address), StringComparison.Ordinal);
        using var stranger = new FormClient(site);
        Assert.Equal("/sign-in?openIdFailed=true", await CallbackAsync(stranger, await LinkAddressAsync(person)));
        Assert.Equal(0L, await LoginsAsync("openid-first@example.org"));
    }

    [Fact]
    public async Task Answer_ThatWasNotAskedForHere_IsRefusedInWords()
    {
        using var visitor = new FormClient(site);
        site.OpenId.Visitor = new OpenIdSubject("subject-5", "openid-replayed@example.org");

        // 1. Of another browser.
        using var other = new FormClient(site);
        Assert.Equal("/sign-in?openIdFailed=true", await CallbackAsync(visitor, await BeginAsync(other, Start)));

        // 2. With a nonce that was not asked for.
        site.OpenId.Nonce = "another";
        Assert.Equal("/sign-in?openIdFailed=true", await CallbackAsync(visitor, await BeginAsync(visitor, Start)));
        site.OpenId.Nonce = null;

        // 3. Of nobody.
        using var nothing = await visitor.GetAsync("/sign-in/openid/callback?code=1&state=2");
        Assert.Equal("/sign-in?openIdFailed=true", FormClient.Location(nothing));
        Assert.Contains("did not work", await visitor.TextAsync("/sign-in?openIdFailed=true"), StringComparison.Ordinal);
        using var done = await visitor.GetAsync("/sign-in/openid/done");
        Assert.Equal("/sign-in?openIdFailed=true", FormClient.Location(done));

        // 4. It leads to no other site.
        using var elsewhere = new FormClient(site);
        site.OpenId.Visitor = new OpenIdSubject("openid-back", "openid-back@example.org");
        using var registered = await RegisteredAsync("openid-back@example.org");
        Assert.Equal("/console", await ReturnAsync(elsewhere, await BeginAsync(elsewhere, "/sign-in/openid?returnUrl=https%3A%2F%2Fexample.org")));
    }

    [Fact]
    public async Task SecondFactor_OfWhoeverHasOne_IsAskedForHereToo()
    {
        const string email = "openid-factor@example.org";
        using var person = await RegisteredAsync(email);
        await site.SqlAsync("UPDATE people.person SET two_factor_enabled = true WHERE email = $1", email);
        using var visitor = new FormClient(site);
        Assert.Equal("/sign-in/code?returnUrl=%2Fconsole%2Fkeys", await ReturnAsync(visitor, await BeginAsync(visitor, Start)));
        using var console = await visitor.GetAsync("/console");
        Assert.StartsWith("/sign-in?", FormClient.Location(console), StringComparison.Ordinal);
    }

    /// <summary>Somebody who registered by the provider.</summary>
    private async Task<FormClient> RegisteredAsync(string email, bool? isEmailVerified = true)
    {
        site.OpenId.Visitor = new OpenIdSubject(email, email, isEmailVerified);
        var person = new FormClient(site);
        Assert.Equal("/sign-in/openid/done", await CallbackAsync(person, await BeginAsync(person, Start)));
        Assert.Equal("/console/keys", await person.TakenAsync("/sign-in/openid/done", "openid-register", ("PersonName", "Ada"), ("Agreed", "true"), ("OldEnough", "true")));
        await person.TextAsync("/console");
        return person;
    }

    private async Task<object?> LoginsAsync(string email) =>
        await site.SqlAsync("SELECT count(*) FROM people.person_login JOIN people.person ON user_id = person.id WHERE email = $1", email);

    /// <summary>Where the button leads: the provider's address.</summary>
    private static async Task<string> BeginAsync(FormClient client, string path)
    {
        using var answer = await client.GetAsync(path);
        return answer.Headers.Location!.AbsoluteUri;
    }

    /// <summary>Where whoever links goes next.</summary>
    private async Task<string> LinkAddressAsync(FormClient client)
    {
        using var answer = await client.SubmitAsync("/console/security", "openid-link", ("LinkPassword", People.Password));
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var begin = text.IndexOf($"{site.OpenId.Url}/authorize?", StringComparison.Ordinal);
        return WebUtility.HtmlDecode(text[begin..text.IndexOf('"', begin)]);
    }

    /// <summary>Visits the provider, and comes back.</summary>
    /// <returns>Where that leads.</returns>
    private static async Task<string> CallbackAsync(FormClient client, string address)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var visit = await http.GetAsync(address, TestContext.Current.CancellationToken);
        using var answer = await client.GetAsync(visit.Headers.Location!.PathAndQuery);
        return FormClient.Location(answer)!;
    }

    /// <summary>The same, and what follows.</summary>
    private static async Task<string> ReturnAsync(FormClient client, string address)
    {
        using var answer = await client.GetAsync(await CallbackAsync(client, address));
        return FormClient.Location(answer)!;
    }

    private static async Task<string> ReturnedTextAsync(FormClient client, string address)
    {
        using var answer = await client.GetAsync(await CallbackAsync(client, address));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private static async Task<string> RefusedAsync(FormClient client, string path)
    {
        var text = await ReturnedTextAsync(client, await BeginAsync(client, path));
        using var console = await client.GetAsync("/console");
        Assert.StartsWith("/sign-in?", FormClient.Location(console), StringComparison.Ordinal);
        return text;
    }
}
