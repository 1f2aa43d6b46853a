using System.Net;
using System.Text.RegularExpressions;
using Xunit;

namespace OrleansGateway.Tests.Browser.Running;

/// <summary>Somebody without a browser: cookies, pages and forms as HTTP has them.</summary>
internal sealed partial class FormClient : IDisposable
{
    private readonly HttpClient _client;

    /// <param name="address">Whence requests seem to come; null for this machine.</param>
    /// <param name="language">What is asked for; null for nothing.</param>
    public FormClient(Site site, string? address = null, string? language = null)
    {
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies, MaxConnectionsPerServer = 100 }) { BaseAddress = new Uri(site.Url) };
        if (language is not null)
        {
            _client.DefaultRequestHeaders.Add("Accept-Language", language);
        }

        if (address is not null)
        {
            _client.DefaultRequestHeaders.Add("X-Forwarded-For", address);
        }
    }

    public CookieContainer Cookies { get; } = new();

    public Task<HttpResponseMessage> GetAsync(string path) => _client.GetAsync(path, TestContext.Current.CancellationToken);

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request) => _client.SendAsync(request, TestContext.Current.CancellationToken);

    /// <summary>Starts to read an answer.</summary>
    public Task<HttpResponseMessage> BeginAsync(string path) => _client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);

    public Task<string> TextAsync(string path) => _client.GetStringAsync(path, TestContext.Current.CancellationToken);

    /// <summary>The fields of a page's form, as they stand.</summary>
    public async Task<Dictionary<string, string>> FormAsync(string path, string name)
    {
        using var page = await GetAsync(path);
        var text = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var form = Form().Matches(text).Select(match => match.Value).FirstOrDefault(form => form.Contains($"value=\"{name}\"", StringComparison.Ordinal));
        Assert.True(form is not null, $"{path} ({(int)page.StatusCode}) has no form {name}: {text}");
        return Hidden().Matches(form).ToDictionary(match => match.Groups["name"].Value, match => WebUtility.HtmlDecode(match.Groups["value"].Value));
    }

    /// <summary>Sends a form.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, IEnumerable<KeyValuePair<string, string>> fields) =>
        _client.PostAsync(path, new FormUrlEncodedContent(fields), TestContext.Current.CancellationToken);

    /// <summary>Opens a page, and sends its form with these fields filled.</summary>
    public async Task<HttpResponseMessage> SubmitAsync(string path, string name, params (string Field, string Value)[] filled)
    {
        var fields = await FormAsync(path, name);
        foreach (var (field, value) in filled)
        {
            fields[field] = value;
        }

        return await PostAsync(path, fields);
    }

    /// <summary>The same; it has to be taken, which a redirect says.</summary>
    /// <returns>Where it leads.</returns>
    public async Task<string> TakenAsync(string path, string name, params (string Field, string Value)[] filled)
    {
        using var answer = await SubmitAsync(path, name, filled);
        Assert.True(
            answer.StatusCode == HttpStatusCode.Found,
            $"{path} {name}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        return Location(answer)!;
    }

    /// <summary>Where an answer leads on this site; null if nowhere.</summary>
    public static string? Location(HttpResponseMessage answer) => answer.Headers.Location switch
    {
        null => null,
        { IsAbsoluteUri: true } absolute => absolute.PathAndQuery,
        var relative => relative.OriginalString,
    };

    public Task<HttpResponseMessage> SignInAsync(string email, string password) => SubmitAsync("/sign-in", "sign-in", ("Email", email), ("Password", password));

    public Task<string> RegisterAsync(string email, string name = "Ada") => TakenAsync(
        "/register", "register", ("Email", email), ("PersonName", name), ("Password", Flows.People.Password), ("Agreed", "true"), ("OldEnough", "true"));

    /// <summary>Registers, confirms, signs in.</summary>
    public async Task BecomeAsync(Site site, string email)
    {
        await RegisterAsync(email);
        await TakenAsync(Path(await site.MailedLinkAsync(email, "confirm")), "confirm");
        using var answer = await SignInAsync(email, Flows.People.Password);
        Assert.Equal("/console", Location(answer));

        // The account is made by the first visit.
        await TextAsync("/console");
    }

    /// <summary>What follows the site's name in an address.</summary>
    public static string Path(string link) => new Uri(link).PathAndQuery;

    public void Dispose() => _client.Dispose();

    [GeneratedRegex("<form.*?</form>", RegexOptions.Singleline)]
    private static partial Regex Form();

    [GeneratedRegex("<input type=\"hidden\" name=\"(?<name>[^\"]*)\"(?: value=\"(?<value>[^\"]*)\")?")]
    private static partial Regex Hidden();
}
