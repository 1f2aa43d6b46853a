using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>A request from the console, with and without a script.</summary>
[Collection(nameof(SiteCollection))]
public sealed class PlaygroundTests(Site site)
{
    [Theory]
    [InlineData("en", true)]
    [InlineData("zh", true)]
    [InlineData("en", false)]
    public async Task Request_FromThePlayground_IsAnsweredWithItsCost(string language, bool hasScripts)
    {
        await using var visitor = await site.VisitAsync(language, hasScripts: hasScripts);
        var email = $"play-{language}-{hasScripts}@example.org";
        await People.SignedInAsync(site, visitor, email);
        await site.CreditAsync(await visitor.Page.Locator("main p .mono").Last.InnerTextAsync(), "5");

        // 1. It is sent, and answered with what it cost.
        await visitor.OpenAsync("/console/playground");
        await visitor.FillAsync("Prompt", "It's <b>\"quoted\"</b>\n你好");
        await visitor.FillAsync("Temperature", "0.5");
        await visitor.SubmitAsync();
        await visitor.Page.Locator("#cost", new() { HasText = "$0." }).WaitForAsync();
        Assert.NotEmpty(await visitor.Page.Locator("#answer").InnerTextAsync());
        Assert.False(await visitor.Page.Locator("#problem").IsVisibleAsync());
        var curl = await visitor.Page.Locator("#curl-card code").InnerTextAsync();
        Assert.Contains("\"temperature\":0.5", curl, StringComparison.Ordinal);
        Assert.Contains("$KEY", curl, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-og-", await visitor.Page.ContentAsync(), StringComparison.Ordinal);
        await visitor.PictureAsync($"playground-answer-{language}-{hasScripts}");

        // 2. A second one takes the same key, and both are in the call log.
        await visitor.SubmitAsync();
        await visitor.Page.Locator("#cost", new() { HasText = "$0." }).WaitForAsync();
        await visitor.OpenAsync("/console/keys");
        Assert.Equal(1, await visitor.Page.Locator("main tbody tr", new() { HasText = "Playground" }).CountAsync());
        await visitor.OpenAsync("/console/usage");
        Assert.Equal(2, await visitor.Page.Locator("#calls tbody tr").CountAsync());
        await visitor.PictureAsync($"usage-parts-{language}");

        // 3. It may spend a dollar a day, and ends within the hour.
        const string Mine = "FROM api_key WHERE name = 'Playground' AND account_id = (SELECT m.account_id FROM people.account_member m JOIN people.person p ON p.id = m.person_id WHERE p.email = $1)";
        Assert.Equal(1_000_000_000L, await site.SqlAsync($"SELECT cap_day {Mine}", email));
        Assert.Equal(true, await site.SqlAsync($"SELECT expires_at BETWEEN now() AND now() + interval '1 hour' {Mine}", email));

        // 4. Sign-out disables it; the next session has the same one.
        await visitor.Page.Locator("header form button").ClickAsync();
        await visitor.OpenAsync("/sign-in");
        Assert.Equal("disabled", await site.SqlAsync($"SELECT status {Mine}", email));
        await People.SignInAsync(visitor, email, People.Password);
        await visitor.OpenAsync("/console/playground");
        await visitor.FillAsync("Prompt", "Once more");
        await visitor.SubmitAsync();
        await visitor.Page.Locator("#cost", new() { HasText = "$0." }).WaitForAsync();
        Assert.Equal("active", await site.SqlAsync($"SELECT min(status) {Mine} HAVING count(*) = 1", email));

        // 5. Of its secret the database has nothing that could be used.
        Assert.Equal(0L, await site.SqlAsync("SELECT count(*) FROM people.person_token WHERE login_provider = 'Playground' AND value LIKE '%sk-og-%'"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Request_WithoutMoney_IsRefusedInWords(bool hasScripts)
    {
        await using var visitor = await site.VisitAsync("zh", hasScripts: hasScripts);
        await People.SignedInAsync(site, visitor, $"poor-{hasScripts}@example.org");
        await visitor.OpenAsync("/console/playground");
        await visitor.FillAsync("Prompt", "Hello");

        await visitor.SubmitAsync();

        Assert.Contains("余额不足", await visitor.Page.Locator("#problem:not([hidden])").InnerTextAsync(), StringComparison.Ordinal);
        Assert.Equal("Hello", await visitor.Page.Locator("[name=Prompt]").InputValueAsync());
        await visitor.PictureAsync($"playground-refused-{hasScripts}");
    }

    [Fact]
    public async Task Form_ThatIsWrong_SaysSoAtTheField()
    {
        await using var visitor = await site.VisitAsync(hasScripts: false);
        visitor.MayFail.Add("/console/playground");
        await People.SignedInAsync(site, visitor, "play-wrong@example.org");
        await visitor.OpenAsync("/console/playground");
        await visitor.FillAsync("Prompt", "Hello");
        await visitor.FillAsync("Temperature", "hot");
        await visitor.FillAsync("MaxTokens", "99999999");

        await visitor.SubmitAsync();

        Assert.Contains("0.7", await visitor.Page.Locator("#Temperature-problem").InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains("16,384", await visitor.Page.Locator("#MaxTokens-problem").InnerTextAsync(), StringComparison.Ordinal);
        Assert.Equal("Hello", await visitor.Page.Locator("[name=Prompt]").InputValueAsync());
    }

    /// <summary>The stream is a change like any: another site's form does not start it.</summary>
    [Fact]
    public async Task Stream_WithoutTheFormsToken_IsRefused()
    {
        await using var visitor = await site.VisitAsync();
        visitor.MayFail.Add("/console/playground");
        await People.SignedInAsync(site, visitor, "play-forged@example.org");
        await visitor.OpenAsync("/console/playground");

        Assert.Equal(400, await visitor.Page.EvaluateAsync<int>(
            "fetch('/console/playground/stream', { method: 'POST', body: new URLSearchParams({ Model: 'sim-mini', Prompt: 'Hello' }) }).then(answer => answer.status)"));
        await visitor.OpenAsync("/console/keys");
        Assert.Equal(0, await visitor.Page.Locator("main tbody tr").CountAsync());
    }
}
