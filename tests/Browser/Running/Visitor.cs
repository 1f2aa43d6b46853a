using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Xunit;

namespace OrleansGateway.Tests.Browser.Running;

/// <summary>Somebody with a browser of their own. Whatever its console calls an error fails the test.</summary>
public sealed class Visitor : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];

    private Visitor(IBrowserContext context, IPage page, string language)
    {
        _context = context;
        Language = language;
        Page = page;
    }

    public IPage Page { get; }

    /// <summary>What their browser asks for.</summary>
    public string Language { get; }

    /// <summary>Addresses whose answer may be an error: the browser's console tells of each.</summary>
    public List<string> MayFail { get; } = [];

    public static async Task<Visitor> StartAsync(IBrowserContext context, string language)
    {
        context.SetDefaultTimeout(60_000);
        var visitor = new Visitor(context, await context.NewPageAsync(), language);
        visitor.Page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                visitor._errors.Add($"{message.Text} ({message.Location})");
            }
        };
        visitor.Page.PageError += (_, error) => visitor._errors.Add(error);
        return visitor;
    }

    /// <summary>Presses Tab until what a selector names has the focus, and fails if nothing of it ever gets it.</summary>
    public async Task TabToAsync(string selector)
    {
        for (var i = 0; i < 120; i++)
        {
            await Page.Keyboard.PressAsync("Tab");
            if (await Page.EvaluateAsync<bool>("selector => document.activeElement.matches(selector)", selector))
            {
                return;
            }
        }

        Assert.Fail($"The keyboard does not reach {selector} on {Page.Url}.");
    }

    /// <summary>What axe (WCAG 2.2 AA) finds, and whether the page is wider than the screen.</summary>
    public async Task<IReadOnlyList<string>> FindingsAsync()
    {
        var options = new Deque.AxeCore.Commons.AxeRunOptions
        {
            RunOnly = new Deque.AxeCore.Commons.RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
        };
        var found = (from violation in (await Page.RunAxe(options)).Violations from node in violation.Nodes select $"{Page.Url} {violation.Id}: {node.Html}").ToList();
        if (!await Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"))
        {
            found.Add($"{Page.Url} is wider than the screen.");
        }

        return found;
    }

    /// <summary>Opens a page of the site.</summary>
    /// <returns>Its status.</returns>
    public async Task<int> OpenAsync(string address) => (await Page.GotoAsync(address))!.Status;

    /// <summary>Waits until a page is there. It looks until it is: Playwright's own wait misses a page that comes between its look and its waiting.</summary>
    public async Task ArrivesAsync(string address)
    {
        await Assertions.Expect(Page).ToHaveURLAsync(address, new() { Timeout = 60_000 });
        await Page.WaitForLoadStateAsync();
    }

    /// <summary>Fills a field by its name, and leaves the rest.</summary>
    public Task FillAsync(string name, string value) => Page.Locator($"[name='{name}']").FillAsync(value);

    /// <summary>Sends the form that is on the page's main part.</summary>
    public Task SubmitAsync() => Page.Locator("main form[method=post] button[type=submit]").First.ClickAsync();

    /// <summary>The text of the page's main part.</summary>
    public Task<string> TextAsync() => Page.Locator("main").InnerTextAsync();

    /// <summary>A picture of the whole page, where a folder is named to put it.</summary>
    public async Task PictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("SCREENSHOTS") is { Length: > 0 } folder)
        {
            await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, name + ".png"), FullPage = true });
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        var unexpected = _errors.Where(error => !MayFail.Exists(address => error.Contains(address, StringComparison.Ordinal))).ToList();
        Assert.True(unexpected.Count == 0, string.Join('\n', unexpected));
    }
}
