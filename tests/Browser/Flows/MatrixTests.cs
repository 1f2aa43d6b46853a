using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>All pages in all looks, and the main flows by keyboard alone. <c>./test --browsers</c> runs them.</summary>
[Collection(nameof(SiteCollection))]
public sealed class MatrixTests(Site site)
{
    private static readonly string[] Languages = ["en", "zh"];
    private static readonly bool[] Both = [false, true];

    public static TheoryData<string, bool, bool> Looks => new(
        from language in Languages
        from isPhone in Both
        from isDark in Both
        select (language, isPhone, isDark));

    [Theory(Explicit = true)]
    [MemberData(nameof(Looks))]
    public async Task Pages_InEachLook_AreAccessibleAndWithoutErrors(string language, bool isPhone, bool isDark)
    {
        await using var visitor = await site.VisitAsync(language, isPhone, isDark);
        var findings = new List<string>();
        await LookAsync(PublicPageTests.Paths);
        await People.SignedInAsync(site, visitor, $"matrix-{language}-{isPhone}-{isDark}@example.org");
        await site.CreditAsync(await visitor.Page.Locator("main p .mono").Last.InnerTextAsync(), "5");
        await People.KeyAsync(visitor, new string('x', 100));
        await visitor.OpenAsync("/console/playground");
        await visitor.FillAsync("Prompt", new string('y', 500));
        await visitor.SubmitAsync();
        await visitor.Page.Locator("#cost", new() { HasText = "$0." }).WaitForAsync();
        await visitor.OpenAsync("/console/keys");
        var key = (await visitor.Page.Locator("main tbody a").First.GetAttributeAsync("href"))!;
        await LookAsync([.. ConsoleTests.Pages, key, "/console/usage?by=model&step=hour", "/console/usage?model=nothing"]);
        Assert.True(findings.Count == 0, string.Join('\n', findings));

        async Task LookAsync(IEnumerable<string> pages)
        {
            foreach (var page in pages)
            {
                Assert.Equal((page, 200), (page, await visitor.OpenAsync(page)));
                findings.AddRange(await visitor.FindingsAsync());
                await visitor.PictureAsync($"matrix-{page.Trim('/').Replace('/', '-').Replace('?', '-')}-{language}-{(isPhone ? "phone" : "desktop")}-{(isDark ? "dark" : "light")}");
            }
        }
    }

    [Fact(Explicit = true)]
    public async Task Flows_ByKeyboardAlone_LeadToAnAnswer()
    {
        const string email = "keyboard@example.org";
        await using var visitor = await site.VisitAsync();
        var keyboard = visitor.Page.Keyboard;

        // 1. Register, confirm, sign in.
        await visitor.OpenAsync("/");
        await visitor.TabToAsync("a[href='/register']");
        await keyboard.PressAsync("Enter");
        await visitor.ArrivesAsync("/register");
        await TypeAsync("Email", email);
        await TypeAsync("PersonName", "Ada");
        await TypeAsync("Password", People.Password);
        await visitor.TabToAsync("[name=Agreed]");
        await keyboard.PressAsync("Space");
        await visitor.TabToAsync("[name=OldEnough]");
        await keyboard.PressAsync("Space");
        await keyboard.PressAsync("Enter");
        await visitor.ArrivesAsync("/mail-sent");
        await visitor.OpenAsync(await site.MailedLinkAsync(email, "confirm"));
        await visitor.TabToAsync("main button[type=submit]");
        await keyboard.PressAsync("Enter");
        await visitor.ArrivesAsync("/sign-in?confirmed=true");
        await TypeAsync("Email", email);
        await TypeAsync("Password", People.Password);
        await keyboard.PressAsync("Enter");
        await visitor.ArrivesAsync("/console");
        await site.CreditAsync(await visitor.Page.Locator("main p .mono").Last.InnerTextAsync(), "5");

        // 2. Make a key.
        await visitor.TabToAsync("a[href='/console/keys/new']");
        await keyboard.PressAsync("Enter");
        await visitor.ArrivesAsync("/console/keys/new");
        await TypeAsync("KeyName", "By keyboard");
        await keyboard.PressAsync("Enter");
        await visitor.Page.Locator("#secret").WaitForAsync();

        // 3. Ask something, and see the call.
        await visitor.OpenAsync("/console/playground");
        await TypeAsync("Prompt", "Hello");
        await keyboard.PressAsync("Control+Enter");
        await visitor.Page.Locator("#cost", new() { HasText = "$0." }).WaitForAsync();
        await visitor.OpenAsync("/console/usage");
        await visitor.TabToAsync("#calls a");

        async Task TypeAsync(string name, string text)
        {
            await visitor.TabToAsync($"[name='{name}']");
            await keyboard.TypeAsync(text);
        }
    }
}
