using System.Net;
using System.Text.RegularExpressions;
using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.OpenId;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>The site of a cluster, twice: whichever a load balancer chooses, each request is served.</summary>
public sealed partial class WebTests
{
    private const string Password = "a long password";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Person_WhoseRequestsGoToEachInTurn_SignsInWorksAndSignsOutOnBoth()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 1, edges: 1);
        var site = $"http://localhost:{FreePort.Next()}";
        await using var openId = await OpenIdProvider.StartAsync($"http://localhost:{FreePort.Next()}", $"{site}/sign-in/openid/callback");
        var settings = new Dictionary<string, string?>
        {
            ["Site:Url"] = site,
            ["Site:OpenIdAuthority"] = openId.Url,
            ["Site:OpenIdClientId"] = OpenIdProvider.ClientId,
            ["Site:OpenIdClientSecret"] = OpenIdProvider.ClientSecret,
        };
        ClusterNode[] webs = [cluster.AddWeb(settings), cluster.AddWeb(settings)];
        await webs[0].StartAsync();
        await webs[1].StartAsync();
        using var person = new Turns(webs);

        // 1. Each form comes from the one and is sent to the other.
        Assert.Equal("/mail-sent", await person.SubmitAsync(
            "/register", "register", ("Email", "ada@example.org"), ("PersonName", "Ada"), ("Password", Password), ("Agreed", "true"), ("OldEnough", "true")));
        Assert.Equal("/sign-in?confirmed=true", await person.SubmitAsync(await MailedPathAsync(cluster.MailFolder), "confirm"));
        Assert.Equal("/console", await person.SubmitAsync("/sign-in", "sign-in", ("Email", "ada@example.org"), ("Password", Password)));

        // 2. Both know who that is, and what the other one has made.
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), await person.BothAsync("/console"));
        using (var made = await person.SendAsync("/console/keys/new", "new-key", ("KeyName", "Laptop")))
        {
            Assert.Contains("sk-og-", await made.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        Assert.Contains("Laptop", await person.TextAsync("/console/keys"), StringComparison.Ordinal);
        Assert.Contains("Laptop", await person.TextAsync("/console/keys"), StringComparison.Ordinal);

        // 3. Where it is signed out, it is so on both.
        Assert.Equal("/", await person.SubmitAsync("/console", "/sign-out"));
        Assert.Equal((HttpStatusCode.Found, HttpStatusCode.Found), await person.BothAsync("/console"));

        // 4. A visit to a provider of OpenID Connect begins at the one and ends at the other.
        openId.Visitor = new OpenIdSubject("grace", "grace@example.org");
        using var grace = new Turns(webs);
        using var begun = await grace.GetAsync("/sign-in/openid");
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var visit = await http.GetAsync(begun.Headers.Location, Cancellation);
        using var back = await grace.GetAsync(visit.Headers.Location!.PathAndQuery);
        Assert.Equal("/sign-in/openid/done", back.Headers.Location?.ToString());
        Assert.Equal("/console", await grace.SubmitAsync("/sign-in/openid/done", "openid-register", ("PersonName", "Grace"), ("Agreed", "true"), ("OldEnough", "true")));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), await grace.BothAsync("/console"));

        // 5. One that dies is not missed.
        webs[0].Process.Signal(GatewayProcess.SigKill);
        using var left = new Turns([webs[1]], grace.Cookies);
        Assert.Contains("grace@example.org", await left.TextAsync("/console/profile"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Site:Url", "Site:Url (Site__Url) is missing")]
    [InlineData("Site:RelayUrl", "Site:RelayUrl (Site__RelayUrl) is missing: this program has no relay")]
    [InlineData("Cluster:Mode", "Cluster:Mode")]
    public async Task Start_WithoutWhatASiteOfItsOwnNeeds_EndsWithTheSettingsName(string missing, string message)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Cluster:Mode"] = "cluster",
            ["Cluster:Redis"] = "127.0.0.1:1",
            ["ConnectionStrings:Ledger"] = "Host=127.0.0.1;Port=1",
            ["Gateway:StartSeconds"] = "0",
            ["Gateway:Urls"] = "http://127.0.0.1:0",
            ["Gateway:SigningSecrets:0"] = TestSettings.SigningSecret,
            ["Gateway:EncryptionSecrets:0"] = Convert.ToBase64String(new byte[32]),
            ["Site:Url"] = "http://localhost:8080",
            ["Site:RelayUrl"] = "http://127.0.0.1:8080",
        };
        settings.Remove(missing);
        var (code, output, errors) = await GatewayProcess.RunAsync(settings, "web");
        Assert.True(code == 1, output);
        Assert.Contains(message, errors, StringComparison.Ordinal);
    }

    /// <summary>The path of the link in the only mail, as soon as it is there.</summary>
    private static async Task<string> MailedPathAsync(string folder)
    {
        using var watcher = new FileSystemWatcher(Directory.CreateDirectory(folder).FullName) { NotifyFilter = NotifyFilters.FileName };
        using var arrived = new SemaphoreSlim(0);
        watcher.Renamed += (_, _) => arrived.Release();
        watcher.EnableRaisingEvents = true;
        while (Directory.GetFiles(folder, "*.eml") is not [_, ..])
        {
            await arrived.WaitAsync(Cancellation);
        }

        // Quoted-printable breaks lines and writes =3D.
        var mail = await File.ReadAllTextAsync(Directory.GetFiles(folder, "*.eml")[0], Cancellation);
        return new Uri(Link().Match(mail.Replace("=\r\n", "", StringComparison.Ordinal).Replace("=\n", "", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal)).Value).PathAndQuery;
    }

    [GeneratedRegex(@"http://\S+/confirm\?\S+")]
    private static partial Regex Link();

    /// <summary>A browser behind a load balancer that goes to each web in turn.</summary>
    private sealed partial class Turns : IDisposable
    {
        private readonly IReadOnlyList<ClusterNode> _webs;
        private readonly HttpClient _client;
        private int _requests;

        public Turns(IReadOnlyList<ClusterNode> webs, CookieContainer? cookies = null)
        {
            _webs = webs;
            Cookies = cookies ?? new CookieContainer();
            _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies });
        }

        public CookieContainer Cookies { get; }

        public Task<HttpResponseMessage> GetAsync(string path) => _client.GetAsync(Next(path), Cancellation);

        public async Task<string> TextAsync(string path)
        {
            using var answer = await GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync(Cancellation);
        }

        public async Task<(HttpStatusCode First, HttpStatusCode Second)> BothAsync(string path)
        {
            using var first = await GetAsync(path);
            using var second = await GetAsync(path);
            return (first.StatusCode, second.StatusCode);
        }

        /// <summary>Opens a page at the one, and sends its form to the other.</summary>
        /// <param name="name">The form's name, or where it is sent.</param>
        public async Task<HttpResponseMessage> SendAsync(string path, string name, params (string Field, string Value)[] filled)
        {
            var text = await TextAsync(path);
            var form = Assert.Single(Form().Matches(text).Select(match => match.Value), form => form.Contains($"\"{name}\"", StringComparison.Ordinal));
            var fields = Hidden().Matches(form).ToDictionary(match => match.Groups["name"].Value, match => WebUtility.HtmlDecode(match.Groups["value"].Value));
            foreach (var (field, value) in filled)
            {
                fields[field] = value;
            }

            return await _client.PostAsync(Next(name is ['/', ..] ? name : path), new FormUrlEncodedContent(fields), Cancellation);
        }

        /// <summary>The same; it has to be taken, which a redirect says.</summary>
        /// <returns>Where that leads, without a site.</returns>
        public async Task<string> SubmitAsync(string path, string name, params (string Field, string Value)[] filled)
        {
            using var answer = await SendAsync(path, name, filled);
            Assert.True(answer.StatusCode == HttpStatusCode.Found, $"{path} {name}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Cancellation)}");
            return answer.Headers.Location is { IsAbsoluteUri: true } absolute ? absolute.PathAndQuery : answer.Headers.Location!.OriginalString;
        }

        public void Dispose() => _client.Dispose();

        /// <summary>Cookies are for all of a host's ports, as for the names behind a load balancer.</summary>
        private Uri Next(string path) => new(_webs[_requests++ % _webs.Count].Url, path);

        [GeneratedRegex("<form.*?</form>", RegexOptions.Singleline)]
        private static partial Regex Form();

        [GeneratedRegex("<input type=\"hidden\" name=\"(?<name>[^\"]*)\"(?: value=\"(?<value>[^\"]*)\")?")]
        private static partial Regex Hidden();
    }
}
