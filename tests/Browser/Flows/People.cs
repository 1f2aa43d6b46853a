using OrleansGateway.Tests.Browser.Running;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>Steps that many flows begin with.</summary>
internal static class People
{
    public const string Password = "a long password";

    /// <summary>Somebody who is signed in, on their console's first page. What comes before is done without the browser, which would be slow.</summary>
    public static async Task SignedInAsync(Site site, Visitor visitor, string email)
    {
        using var client = new FormClient(site, language: visitor.Language);
        await client.BecomeAsync(site, email);
        await visitor.Page.Context.AddCookiesAsync(
            client.Cookies.GetCookies(new Uri(site.Url)).Select(cookie => new Microsoft.Playwright.Cookie { Name = cookie.Name, Value = cookie.Value, Url = site.Url, HttpOnly = cookie.HttpOnly }));
        await visitor.OpenAsync("/console");
    }

    /// <summary>Registers, confirms, signs in, all of it in the browser.</summary>
    public static async Task RegisteredAsync(Site site, Visitor visitor, string email)
    {
        await visitor.OpenAsync("/register");
        await FillAsync(visitor, email);
        await visitor.SubmitAsync();
        await visitor.ArrivesAsync("/mail-sent");
        await visitor.OpenAsync(await site.MailedLinkAsync(email, "confirm"));
        await visitor.SubmitAsync();
        await visitor.ArrivesAsync("/sign-in?confirmed=true");
        await SignInAsync(visitor, email, Password);
    }

    /// <summary>Fills the registration, as it has to be.</summary>
    public static async Task FillAsync(Visitor visitor, string email)
    {
        await visitor.FillAsync("Email", email);
        await visitor.FillAsync("PersonName", "Ada");
        await visitor.FillAsync("Password", Password);
        await visitor.Page.Locator("[name=Agreed]").CheckAsync();
        await visitor.Page.Locator("[name=OldEnough]").CheckAsync();
    }

    /// <summary>Makes a key.</summary>
    /// <returns>Its text.</returns>
    public static async Task<string> KeyAsync(Visitor visitor, string name)
    {
        await visitor.OpenAsync("/console/keys/new");
        await visitor.FillAsync("KeyName", name);
        await visitor.SubmitAsync();
        return await visitor.Page.Locator("#secret").InnerTextAsync();
    }

    /// <summary>Signs in on the page that asks for it.</summary>
    public static async Task SignInAsync(Visitor visitor, string email, string password)
    {
        await visitor.FillAsync("Email", email);
        await visitor.FillAsync("Password", password);
        await visitor.SubmitAsync();
        await visitor.ArrivesAsync("/console");
    }
}
