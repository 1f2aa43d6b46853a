using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>What the operator tells everybody.</summary>
[Collection(nameof(SiteCollection))]
public sealed class AnnouncementTests(Site site)
{
    [Fact]
    public async Task Announcement_UntilItIsHiddenOrWithdrawn_IsOnSiteAndConsole()
    {
        var id = await site.AnnounceAsync("Maintenance <b>tonight</b>", "今晚维护", "warning");
        await using var english = await site.VisitAsync();
        await using var chinese = await site.VisitAsync("zh", isPhone: true, hasScripts: false);
        await People.SignedInAsync(site, english, "told@example.org");

        await ShowsAsync(english, "/console", "Maintenance <b>tonight</b>");
        await english.PictureAsync("announcement-en");
        await ShowsAsync(chinese, "/models", "今晚维护");
        await chinese.PictureAsync("announcement-zh-phone");

        // 1. Hidden, it stays so for who hid it, and they are back where they were.
        await chinese.Page.Locator(".alert a[href*=dismissed]").ClickAsync();
        Assert.Equal("/models", new Uri(chinese.Page.Url).AbsolutePath);
        Assert.Equal(0, await chinese.Page.Locator(".announcement").CountAsync());
        await ShowsAsync(english, "/", "Maintenance <b>tonight</b>");

        // 2. Withdrawn, it is gone for everybody within seconds.
        await site.WithdrawAsync(id);
        do
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await english.OpenAsync("/");
        }
        while (await english.Page.Locator(".announcement").CountAsync() > 0);
    }

    /// <summary>Opens a page until it shows a text: processes know of it after seconds.</summary>
    private static async Task ShowsAsync(Visitor visitor, string page, string text)
    {
        do
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await visitor.OpenAsync(page);
        }
        while (await visitor.Page.Locator(".announcement", new() { HasText = text }).CountAsync() == 0);
    }
}
