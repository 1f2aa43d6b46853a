using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>Pages that need nobody to sign in.</summary>
[Collection(nameof(SiteCollection))]
public sealed class PublicPageTests(Site site)
{
    private static readonly string[] Paths = ["/", "/models", "/models/sim-mini", "/register", "/sign-in", "/forgot", "/docs", "/terms", "/privacy", "/contact"];
    private static readonly string[] Languages = ["en", "zh"];

    public static TheoryData<string, string> Pages => new(
        from page in Paths
        from language in Languages
        select (page, language));

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Page_InEachLanguage_IsAccessibleAndFitsAPhone(string page, string language)
    {
        await using var visitor = await site.VisitAsync(language, isPhone: true);

        Assert.Equal(200, await visitor.OpenAsync(page));

        Assert.Equal(language, await visitor.Page.GetAttributeAsync("html", "lang"));
        Assert.True(await visitor.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), "The page is wider than the phone.");
        Assert.Empty(from violation in (await visitor.Page.RunAxe()).Violations
                     from node in violation.Nodes
                     select $"{violation.Id}: {node.Html}");
        await visitor.PictureAsync($"{page.Trim('/').Replace('/', '-')}-{language}-phone");
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
}
