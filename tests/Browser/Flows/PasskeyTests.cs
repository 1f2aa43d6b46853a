using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>Sign-in by what a device keeps, with the browser's own virtual device.</summary>
[Collection(nameof(SiteCollection))]
public sealed class PasskeyTests(Site site)
{
    [Fact]
    public async Task Passkey_OnceAdded_SignsInWithoutAPasswordAndRemovedDoesNot()
    {
        await using var visitor = await site.VisitAsync();
        visitor.MayFail.Add("/sign-in");
        visitor.MayFail.Add("/console/security");
        await People.SignedInAsync(site, visitor, "passkey@example.org");
        var devices = await visitor.Page.Context.NewCDPSessionAsync(visitor.Page);
        await devices.SendAsync("WebAuthn.enable");
        await devices.SendAsync("WebAuthn.addVirtualAuthenticator", new Dictionary<string, object>
        {
            ["options"] = new Dictionary<string, object>
            {
                ["protocol"] = "ctap2",
                ["transport"] = "internal",
                ["hasResidentKey"] = true,
                ["hasUserVerification"] = true,
                ["isUserVerified"] = true,
                ["automaticPresenceSimulation"] = true,
            },
        });

        // 1. It is added with the password.
        await visitor.OpenAsync("/console/security");
        await visitor.FillAsync("PasskeyName", "Phone");
        await visitor.FillAsync("PasskeyPassword", People.Password);
        await visitor.PictureAsync("passkey-new");
        await visitor.Page.Locator("form[data-passkey=create] button").ClickAsync();
        await visitor.ArrivesAsync("/console/security?saved=true");
        Assert.Contains("Phone", await visitor.TextAsync(), StringComparison.Ordinal);

        // 2. It alone signs in.
        await SignOutAsync(visitor);
        await visitor.OpenAsync("/sign-in");
        await visitor.PictureAsync("sign-in-passkey");
        await visitor.Page.Locator("form[data-passkey] button").ClickAsync();
        await visitor.ArrivesAsync("/console");

        // 3. It is removed with the password alone, and then does not.
        await visitor.OpenAsync("/console/security");
        await RemoveAsync(visitor, "a wrong password");
        Assert.Contains("This is not your current password.", await visitor.TextAsync(), StringComparison.Ordinal);
        Assert.Contains("Phone", await visitor.TextAsync(), StringComparison.Ordinal);
        await RemoveAsync(visitor, People.Password);
        await visitor.ArrivesAsync("/console/security?saved=true");
        Assert.DoesNotContain("Phone", await visitor.TextAsync(), StringComparison.Ordinal);
        await SignOutAsync(visitor);
        await visitor.OpenAsync("/sign-in");
        await visitor.Page.Locator("form[data-passkey] button").ClickAsync();
        await visitor.Page.Locator("main > .container-xl [role=alert]:visible").First.WaitForAsync();
        Assert.Equal("/sign-in", new Uri(visitor.Page.Url).AbsolutePath);
    }

    private static async Task RemoveAsync(Visitor visitor, string password)
    {
        await visitor.Page.GetByLabel("Phone").CheckAsync();
        await visitor.FillAsync("RemovePassword", password);
        await visitor.Page.GetByRole(Microsoft.Playwright.AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
    }

    private static async Task SignOutAsync(Visitor visitor)
    {
        await visitor.Page.Locator("header form button").ClickAsync();
        await visitor.Page.Locator("header a[href='/sign-in']").WaitForAsync();
    }
}
