using System.Net;
using System.Net.Http.Headers;
using System.Text;
using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>What a person does once signed in.</summary>
[Collection(nameof(SiteCollection))]
public sealed class ConsoleTests(Site site)
{
    internal static readonly string[] Pages = ["/console", "/console/keys", "/console/keys/new", "/console/usage", "/console/prices", "/console/playground", "/console/profile", "/console/email", "/console/security", "/console/security/app", "/console/sessions", "/console/privacy", "/console/privacy/delete"];

    [Theory]
    [InlineData("en")]
    [InlineData("zh")]
    public async Task Key_ThatIsMade_IsShownOnceAndWorks(string language)
    {
        await using var visitor = await site.VisitAsync(language);
        await People.SignedInAsync(site, visitor, $"keys-{language}@example.org");
        var account = await visitor.Page.Locator("main p .mono").Last.InnerTextAsync();
        await site.CreditAsync(account, "5");

        // 1. It is made with a cap, and shown with what uses it.
        await visitor.OpenAsync("/console/keys/new");
        await visitor.FillAsync("KeyName", "Laptop <b>");
        await visitor.FillAsync("CapDay", "1.50");
        await visitor.SubmitAsync();
        var key = await visitor.Page.Locator("#secret").InnerTextAsync();
        Assert.StartsWith("sk-og-", key, StringComparison.Ordinal);
        await visitor.PictureAsync($"key-made-{language}");

        // 2. The relay takes it.
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key));

        // 3. The call is in the log, with its cost, and the key's cap knows of it.
        await visitor.OpenAsync("/console/usage");
        var row = visitor.Page.Locator("main tbody tr", new() { HasText = "req_" });
        Assert.Equal(1, await row.CountAsync());
        Assert.Contains("Laptop <b>", await row.InnerTextAsync(), StringComparison.Ordinal);
        var cost = await row.Locator(".charge").InnerTextAsync();
        Assert.StartsWith("$0.0", cost, StringComparison.Ordinal);
        await visitor.Page.Locator("#chart canvas").WaitForAsync();
        await visitor.PictureAsync($"usage-{language}");
        await visitor.OpenAsync("/console/keys");
        Assert.Contains(cost, await visitor.TextAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(key, await visitor.Page.ContentAsync(), StringComparison.Ordinal);
        await visitor.PictureAsync($"keys-{language}");

        // 4. Revoked, it is refused from the next request on.
        await visitor.Page.Locator("main tbody a").ClickAsync();
        await visitor.PictureAsync($"key-{language}");
        await visitor.Page.Locator("[name=Sure]").CheckAsync();
        await visitor.Page.Locator("button.btn-danger").ClickAsync();
        await visitor.Page.Locator(".bg-red").WaitForAsync();
        Assert.Equal(HttpStatusCode.Forbidden, await CallAsync(key));
    }

    [Fact]
    public async Task Export_OfTheCallLog_HasWhatThePageHas()
    {
        await using var visitor = await site.VisitAsync();
        await People.SignedInAsync(site, visitor, "export@example.org");
        await site.CreditAsync(await visitor.Page.Locator("main p .mono").Last.InnerTextAsync(), "5");
        var key = await People.KeyAsync(visitor, "=1+1");
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key));
        await visitor.OpenAsync("/console/usage");
        var request = await visitor.Page.Locator("main tbody tr td.mono").Last.InnerTextAsync();

        var csv = await visitor.Page.EvaluateAsync<string>("fetch('/console/usage.csv').then(answer => answer.text())");
        var json = await visitor.Page.EvaluateAsync<string>("fetch('/console/usage.json').then(answer => answer.text())");

        Assert.Equal(2, csv.Trim().Split('\n').Length);
        Assert.Contains(request, csv, StringComparison.Ordinal);
        Assert.Contains(request, json, StringComparison.Ordinal);
    }

    /// <summary>Another account's keys, calls and exports are nobody else's.</summary>
    [Fact]
    public async Task Pages_WithAnothersIds_TellNothing()
    {
        await using var owner = await site.VisitAsync();
        await People.SignedInAsync(site, owner, "owner@example.org");
        await People.KeyAsync(owner, "Secret name");
        await owner.OpenAsync("/console/keys");
        var keyPage = (await owner.Page.Locator("main tbody a").GetAttributeAsync("href"))!;
        await using var other = await site.VisitAsync();
        other.MayFail.Add("/console/keys/");
        await People.SignedInAsync(site, other, "other@example.org");

        Assert.Equal(404, await other.OpenAsync(keyPage));
        await other.OpenAsync($"/console/usage?key={keyPage.Split('/')[^1]}");
        Assert.DoesNotContain("Secret name", await other.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Console_WithoutASession_AsksToSignIn()
    {
        await using var visitor = await site.VisitAsync();
        foreach (var page in Pages)
        {
            await visitor.OpenAsync(page);
            Assert.Equal("/sign-in", new Uri(visitor.Page.Url).AbsolutePath);
        }
    }

    [Fact]
    public async Task Session_ThatWasSignedOut_IsOver()
    {
        await using var visitor = await site.VisitAsync();
        await People.SignedInAsync(site, visitor, "out@example.org");
        var cookies = await visitor.Page.Context.CookiesAsync();

        await visitor.Page.Locator("header form button").ClickAsync();
        await visitor.Page.Context.AddCookiesAsync(cookies.Select(cookie => new Microsoft.Playwright.Cookie { Name = cookie.Name, Value = cookie.Value, Domain = cookie.Domain, Path = cookie.Path }));

        await visitor.OpenAsync("/console");
        Assert.Equal("/sign-in", new Uri(visitor.Page.Url).AbsolutePath);
    }

    [Theory]
    [InlineData("en")]
    [InlineData("zh")]
    public async Task Pages_OfTheConsole_AreAccessibleAndFitAPhone(string language)
    {
        await using var visitor = await site.VisitAsync(language, isPhone: true);
        await People.SignedInAsync(site, visitor, $"phone-{language}@example.org");
        foreach (var page in Pages)
        {
            Assert.Equal(200, await visitor.OpenAsync(page));
            Assert.Empty(await visitor.FindingsAsync());
            await visitor.PictureAsync($"{page.Trim('/').Replace('/', '-')}-{language}-phone");
        }
    }

    [Fact]
    public async Task OwnerLink_OfAnAccount_IsGoodOnce()
    {
        await using var visitor = await site.VisitAsync();
        visitor.MayFail.Add("/claim");
        await People.SignedInAsync(site, visitor, "claims@example.org");
        var (account, link) = await site.OwnerLinkAsync();

        await visitor.OpenAsync(link);
        await visitor.SubmitAsync();
        await visitor.ArrivesAsync("/console");
        Assert.Contains(account, await visitor.TextAsync(), StringComparison.Ordinal);

        await using var late = await site.VisitAsync();
        late.MayFail.Add("/claim");
        await People.SignedInAsync(site, late, "late@example.org");
        await late.OpenAsync(link);
        await late.SubmitAsync();
        await late.Page.Locator("[role=alert]").WaitForAsync();
    }

    private async Task<HttpStatusCode> CallAsync(string key)
    {
        using var client = new HttpClient { BaseAddress = new Uri(site.Url) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var body = new StringContent("""{"model":"sim-mini","messages":[{"role":"user","content":"Hello"}]}""", Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync("/v1/chat/completions", body, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
