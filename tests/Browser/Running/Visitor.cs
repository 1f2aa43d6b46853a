using Microsoft.Playwright;
using Xunit;

namespace OrleansGateway.Tests.Browser.Running;

/// <summary>Somebody with a browser of their own. Whatever its console calls an error fails the test.</summary>
public sealed class Visitor : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];

    private Visitor(IBrowserContext context, IPage page)
    {
        _context = context;
        Page = page;
    }

    public IPage Page { get; }

    /// <summary>Addresses whose answer may be an error: the browser's console tells of each.</summary>
    public List<string> MayFail { get; } = [];

    public static async Task<Visitor> StartAsync(IBrowserContext context)
    {
        context.SetDefaultTimeout(15_000);
        var visitor = new Visitor(context, await context.NewPageAsync());
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

    /// <summary>Opens a page of the site.</summary>
    /// <returns>Its status.</returns>
    public async Task<int> OpenAsync(string address) => (await Page.GotoAsync(address))!.Status;

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
