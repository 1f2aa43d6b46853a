using System.Text.RegularExpressions;
using Microsoft.Playwright;
using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>Pages that need nobody to sign in.</summary>
[Collection(nameof(SiteCollection))]
public sealed partial class PublicPageTests(Site site)
{
    internal static readonly string[] Paths = ["/", "/models", "/models/sim-mini", "/register", "/sign-in", "/forgot", "/docs", "/terms", "/privacy", "/contact", "/search", "/search?q=sim"];
    private static readonly string[] Languages = ["en", "zh"];

    public static TheoryData<string, string> Pages => new(
        from page in Paths
        from language in Languages
        select (page, language));

    [Theory]
    [InlineData("en")]
    [InlineData("zh")]
    public async Task Pages_InEachLanguage_AreAccessibleAndFitAPhone(string language)
    {
        await using var visitor = await site.VisitAsync(language, isPhone: true);
        foreach (var page in Paths)
        {
            Assert.Equal((page, 200), (page, await visitor.OpenAsync(page)));
            Assert.Equal(language, await visitor.Page.GetAttributeAsync("html", "lang"));
            Assert.Empty(await visitor.FindingsAsync());
            await visitor.PictureAsync($"{page.Trim('/').Replace('/', '-').Replace('?', '-')}-{language}-phone");
        }
    }

    /// <summary>An address that asks for a language does not keep the one that is chosen on it from showing.</summary>
    [Fact]
    public async Task Language_ChosenWhereTheAddressAsksForOne_IsShown()
    {
        await using var visitor = await site.VisitAsync("en");
        await visitor.OpenAsync("/search?lang=zh&q=sim");
        Assert.Equal("zh", await visitor.Page.GetAttributeAsync("html", "lang"));

        await visitor.OpenAsync((await visitor.Page.Locator("a[href^='/preferences/language/en']").First.GetAttributeAsync("href"))!);

        Assert.Equal("en", await visitor.Page.GetAttributeAsync("html", "lang"));
        Assert.EndsWith("/search?q=sim", visitor.Page.Url, StringComparison.Ordinal);
    }

    /// <summary>What the policy claims is what is set.</summary>
    [Fact]
    public async Task Privacy_OfThisGateway_SaysWhatIsSet()
    {
        await using var visitor = await site.VisitAsync();
        await visitor.OpenAsync("/privacy");
        var text = await visitor.TextAsync();
        Assert.Contains("for 90 days", text, StringComparison.Ordinal);
        Assert.Contains("content of your requests: simulated", text, StringComparison.Ordinal);
        Assert.DoesNotContain("{", text, StringComparison.Ordinal);
    }

    /// <summary>Each page for everybody says what it is, at the configured address, in each language.</summary>
    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Page_ForEverybody_DescribesItself(string page, string language)
    {
        using var visitor = new FormClient(site, language: language);
        var html = await visitor.TextAsync(page);
        var path = page.Split('?')[0];
        if (path is "/forgot" or "/search")
        {
            Assert.Contains("<meta name=\"robots\" content=\"noindex\"", html, StringComparison.Ordinal);
            return;
        }

        Assert.Contains($"<link rel=\"canonical\" href=\"{site.Url}{path}\"", html, StringComparison.Ordinal);
        Assert.Contains($"hreflang=\"zh\" href=\"{site.Url}{path}?lang=zh\"", html, StringComparison.Ordinal);
        var description = Description().Match(html).Groups[1].Value;
        Assert.NotEmpty(description);
        Assert.Contains($"<meta property=\"og:description\" content=\"{description}\"", html, StringComparison.Ordinal);
        Assert.Contains(" – OrleansGateway</title>", html, StringComparison.Ordinal);
        Assert.Contains($"<html lang=\"{language}\"", html, StringComparison.Ordinal);
        Assert.Contains("<html lang=\"zh\"", await visitor.TextAsync($"{path}?lang=zh"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Machines_FindThePagesAndWhomToTell()
    {
        using var client = new HttpClient { BaseAddress = new Uri(site.Url) };
        var token = TestContext.Current.CancellationToken;

        var map = System.Xml.Linq.XDocument.Parse(await client.GetStringAsync("/sitemap.xml", token));
        foreach (var address in map.Root!.Elements().Select(static url => url.Elements().First().Value))
        {
            using var answer = await client.GetAsync(address, token);
            Assert.Equal((address, System.Net.HttpStatusCode.OK), (address, answer.StatusCode));
        }

        Assert.Contains($"{site.Url}/models/sim-mini", map.ToString(), StringComparison.Ordinal);
        Assert.Contains($"Sitemap: {site.Url}/sitemap.xml", await client.GetStringAsync("/robots.txt", token), StringComparison.Ordinal);
        var security = await client.GetStringAsync("/.well-known/security.txt", token);
        Assert.Contains("Contact: mailto:security@example.org", security, StringComparison.Ordinal);
        Assert.Contains("Expires: ", security, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("en", "idempotency", "/docs#")]
    [InlineData("zh", "计费", "/docs#")]
    [InlineData("zh", "SIM-", "/models/sim-mini")]
    public async Task Search_WithoutAScript_FindsTextsAndModels(string language, string query, string address)
    {
        await using var visitor = await site.VisitAsync(language, hasScripts: false);
        await visitor.OpenAsync("/search");
        await visitor.FillAsync("q", query);
        await visitor.Page.Locator("main [type=submit]").ClickAsync();
        await visitor.Page.Locator("main a.list-group-item").First.WaitForAsync();
        Assert.StartsWith(address, await visitor.Page.Locator("main a.list-group-item").First.GetAttributeAsync("href"), StringComparison.Ordinal);
        Assert.Contains(query, await visitor.Page.Locator("main a.list-group-item").First.InnerTextAsync(), StringComparison.OrdinalIgnoreCase);
        await visitor.PictureAsync($"search-{language}-{(query.Length > 3 ? "found" : "text")}");
    }

    /// <summary>A second visit fetches pages alone: what they are made of stays for good, and comes compressed the first time.</summary>
    [Fact]
    public async Task Pages_OnASecondVisit_WeighLittleAndWaitForNoScript()
    {
        await using var visitor = await site.VisitAsync();
        await People.SignedInAsync(site, visitor, "weight@example.org");
        var network = await visitor.Page.Context.NewCDPSessionAsync(visitor.Page);
        var bytes = 0.0;
        network.Event("Network.loadingFinished").OnEvent += (_, finished) => bytes += finished!.Value.GetProperty("encodedDataLength").GetDouble();
        await network.SendAsync("Network.enable");
        foreach (var page in Paths.Concat(ConsoleTests.Pages))
        {
            await visitor.Page.GotoAsync(page, new() { WaitUntil = WaitUntilState.NetworkIdle });
            bytes = 0;
            await visitor.Page.GotoAsync(page, new() { WaitUntil = WaitUntilState.NetworkIdle });
            Assert.InRange(bytes, 1, 60 * 1024);
            Assert.True(await visitor.Page.EvaluateAsync<bool>("[...document.scripts].every(script => script.defer)"), page);
        }

        using var client = new HttpClient { BaseAddress = new Uri(site.Url) };
        client.DefaultRequestHeaders.AcceptEncoding.ParseAdd("gzip");
        foreach (var address in await visitor.Page.EvaluateAsync<string[]>("[...document.querySelectorAll('link[rel=stylesheet], script')].map(one => one.href || one.src)"))
        {
            using var asset = await client.GetAsync(address, TestContext.Current.CancellationToken);
            Assert.Equal((address, "gzip"), (address, asset.Content.Headers.ContentEncoding.FirstOrDefault()));
            Assert.Contains("immutable", asset.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        }
    }

    /// <summary>Who chose nothing sees what their system shows, from the first paint on.</summary>
    [Fact]
    public async Task Theme_ThatNobodyChose_IsTheSystems()
    {
        await using var light = await site.VisitAsync(hasScripts: false);
        await using var dark = await site.VisitAsync(isDark: true, hasScripts: false);
        await using var chosen = await site.VisitAsync();
        await chosen.OpenAsync("/");
        await chosen.Page.Locator("[data-theme-link]").ClickAsync();
        await light.OpenAsync("/");
        await dark.OpenAsync("/");

        Assert.NotEqual(await BackgroundAsync(light), await BackgroundAsync(dark));
        Assert.Equal(await BackgroundAsync(chosen), await BackgroundAsync(dark));

        static Task<string> BackgroundAsync(Visitor visitor) => visitor.Page.Locator("body").EvaluateAsync<string>("body => getComputedStyle(body).backgroundColor + getComputedStyle(body).color");
    }

    [Fact]
    public async Task Page_ThatDoesNotExist_IsToldInWords()
    {
        await using var visitor = await site.VisitAsync();
        visitor.MayFail.Add("/nothing");

        Assert.Equal(404, await visitor.OpenAsync("/nothing/here"));
        Assert.Contains("does not exist", await visitor.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownPath_OfTheRelay_KeepsItsOwnError()
    {
        using var client = new HttpClient { BaseAddress = new Uri(site.Url) };
        foreach (var (path, says) in new[] { ("/v1/nothing", "unknown_url"), ("/v1beta/nothing", "NOT_FOUND"), ("/api/nothing", "unknown_url") })
        {
            using var answer = await client.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
            Assert.Contains(says, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task LanguageAndTheme_OnceChosen_StayChosen()
    {
        await using var visitor = await site.VisitAsync();
        await visitor.OpenAsync("/models");

        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "中文" }).ClickAsync();
        await visitor.Page.Locator("[data-theme-link]").ClickAsync();
        await visitor.OpenAsync("/");

        Assert.Equal("zh", await visitor.Page.GetAttributeAsync("html", "lang"));
        Assert.Equal("dark", await visitor.Page.GetAttributeAsync("html", "data-bs-theme"));
    }

    [Theory]
    [InlineData("https://elsewhere.example/")]
    [InlineData("//elsewhere.example/")]
    [InlineData("/\\elsewhere.example/")]
    public async Task Redirect_ToAnotherSite_IsRefused(string address)
    {
        using var handler = new HttpClientHandler { AllowAutoRedirect = false };
        using var client = new HttpClient(handler) { BaseAddress = new Uri(site.Url) };

        using var answer = await client.GetAsync($"/preferences/language/zh?return={Uri.EscapeDataString(address)}", TestContext.Current.CancellationToken);

        Assert.Equal("/", answer.Headers.Location?.OriginalString);
    }

    [GeneratedRegex("<meta name=\"description\" content=\"([^\"]*)\"")]
    private static partial Regex Description();
}
