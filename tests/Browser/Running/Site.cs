using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using MimeKit;
using Npgsql;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.SimulatedProvider;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.OpenId;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Browser.Running;

/// <summary>The built gateway with its site, a database of its own, and the system's Chromium.</summary>
public sealed partial class Site : IAsyncLifetime
{
    private readonly PostgresServer _server;
    private readonly string _folder = Directory.CreateTempSubdirectory("og-browser-").FullName;
    private readonly ConcurrentDictionary<string, MimeMessage> _mails = new();
    private string _database = "";
    private NpgsqlDataSource? _source;
    private Dictionary<string, string?> _settings = [];
    private SimulatedProviderHost? _provider;
    private OpenIdProvider? _openId;
    private GatewayProcess? _process;
    private OperatorClient? _operator;
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public Site(PostgresServer server) => _server = server;

    /// <summary>Where people reach it, without a slash at the end.</summary>
    public string Url { get; private set; } = "";

    /// <summary>By which people may sign in, too.</summary>
    public OpenIdProvider OpenId => _openId!;

    private string Mails => Path.Combine(_folder, "mail");

    /// <summary>Ends the gateway without a word, and starts it again.</summary>
    /// <param name="settings">What is set otherwise from then on.</param>
    public async Task RestartAsync(params (string Name, string Value)[] settings)
    {
        foreach (var (name, value) in settings)
        {
            _settings[name] = value;
        }

        // What the process is sending when it dies is another's only minutes later.
        await UntilAsync("SELECT count(*) = 0 FROM people.mail");
        _process!.Signal(GatewayProcess.SigKill);
        await _process.DisposeAsync();
        await StartGatewayAsync();
    }

    private async Task StartGatewayAsync()
    {
        _process = GatewayProcess.Start(GatewayProcess.Silo, _settings);
        await _process.LineAsync(" is in force: ");
        await _process.LineAsync("Clients reach the gateway at");
        _operator?.Dispose();
        _operator = new OperatorClient(_settings["Gateway:OperatorSocket"]!);
    }

    /// <summary>Asks or changes the database, beside the gateway.</summary>
    /// <returns>The first value of the first row.</returns>
    public async Task<object?> SqlAsync(string sql, params object[] parameters)
    {
        await using var command = _source!.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        }

        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Waits until a statement is true of the database.</summary>
    public async Task UntilAsync(string sql, params object[] parameters)
    {
        for (var looks = 0; await SqlAsync(sql, parameters) is not true; looks++)
        {
            await LookAgainAsync(looks, sql);
        }
    }

    /// <summary>All mails that an address got so far.</summary>
    public IReadOnlyList<MimeMessage> MailsOf(string to) =>
        [.. (Directory.Exists(Mails) ? Directory.GetFiles(Mails, "*.eml") : []).Order().Select(file => _mails.GetOrAdd(file, static one => MimeMessage.Load(one)))
            .Where(mime => mime.To.Mailboxes.Any(mailbox => mailbox.Address == to))];

    public async ValueTask InitializeAsync()
    {
        _database = await _server.CreateDatabaseAsync();
        _source = NpgsqlDataSource.Create(_database);
        _provider = await SimulatedProviderHost.StartAsync();
        var catalog = Path.Combine(_folder, "catalog.json");
        await File.WriteAllTextAsync(catalog, TestSettings.Catalog);

        // Browsers take a name for a site that its cookies and passkeys belong to.
        Url = $"http://localhost:{FreePort.Next()}";
        _openId = await OpenIdProvider.StartAsync($"http://localhost:{FreePort.Next()}", $"{Url}/sign-in/openid/callback");
        _settings = new Dictionary<string, string?>
        {
            ["ConnectionStrings:Ledger"] = _database,
            ["Gateway:Urls"] = Url,
            ["Gateway:OperatorUrls"] = "http://127.0.0.1:0",
            ["Gateway:OperatorSocket"] = Path.Combine(_folder, "operator.sock"),
            ["Gateway:OperatorToken"] = TestSettings.OperatorToken,
            ["Gateway:SigningSecrets:0"] = TestSettings.SigningSecret,
            ["Gateway:EncryptionSecrets:0"] = Convert.ToBase64String(new byte[32]),
            ["Gateway:Catalog"] = catalog,
            ["Site:Url"] = Url,
            ["Site:MailFolder"] = Mails,

            // Tests say whence they come.
            ["Edge:TrustedProxies:0"] = "127.0.0.1",
            ["Edge:TrustedProxies:1"] = "::1",
            ["Site:BcryptCost"] = "10",
            ["Site:FormsPerMinute"] = "1000",
            ["Site:OpenIdAuthority"] = _openId.Url,
            ["Site:OpenIdClientId"] = OpenIdProvider.ClientId,
            ["Site:OpenIdClientSecret"] = OpenIdProvider.ClientSecret,
            ["Site:OpenIdName"] = "Example Login",
            ["Site:SecurityMail"] = "security@example.org",
            ["SIMULATED_PROVIDER_URL"] = new Uri(_provider.BaseAddress, "v1").AbsoluteUri,
        };
        await StartGatewayAsync();
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Chromium(),
            Args = Environment.IsPrivilegedProcess ? ["--no-sandbox"] : [],
        });
    }

    /// <summary>A visitor with an empty browser.</summary>
    /// <param name="isDark">Whether their system is.</param>
    public async Task<Visitor> VisitAsync(string language = "en", bool isPhone = false, bool isDark = false, bool hasScripts = true)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = Url,
            Locale = language == "zh" ? "zh-CN" : "en-US",
            ViewportSize = isPhone ? new ViewportSize { Width = 360, Height = 740 } : new ViewportSize { Width = 1280, Height = 900 },
            ColorScheme = isDark ? ColorScheme.Dark : ColorScheme.Light,
            JavaScriptEnabled = hasScripts,
        });
        return await Visitor.StartAsync(context, language);
    }

    /// <summary>The link in the newest mail to an address that leads to a page with a token; waits until it is there.</summary>
    /// <param name="other">A link that is not meant: an earlier mail's.</param>
    public Task<string> MailedLinkAsync(string to, string page, string? other = null) => MailedLinkOfAsync(to, $"/{page}?", other);

    /// <summary>The same of a link that begins with a path.</summary>
    public async Task<string> MailedLinkOfAsync(string to, string path, string? other = null)
    {
        using var watcher = new FileSystemWatcher(Directory.CreateDirectory(Mails).FullName) { NotifyFilter = NotifyFilters.FileName, InternalBufferSize = 64 * 1024 };
        using var arrived = new SemaphoreSlim(0);
        watcher.Renamed += (_, _) => arrived.Release();
        watcher.EnableRaisingEvents = true;
        while (true)
        {
            var link = MailsOf(to).Reverse().SelectMany(mime => Link().Matches(mime.TextBody ?? "").Select(match => match.Value))
                .FirstOrDefault(link => link.StartsWith(Url + path, StringComparison.Ordinal) && link != other);
            if (link is not null)
            {
                return link;
            }

            await arrived.WaitAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Pauses; what does not come for half a minute does not come, and the gateway may have said why.</summary>
    private async Task LookAgainAsync(int looks, string what)
    {
        Assert.True(looks < 600, $"It never came: {what}\n{_process!.Output}");
        await Task.Delay(50, TestContext.Current.CancellationToken);
    }

    /// <summary>Adds money to an account, as an operator does.</summary>
    public async Task CreditAsync(string account, string usd)
    {
        Assert.True(Money.TryParseUsd(usd, out var nanos));
        await _operator!.Accounts.MoveMoneyAsync(
            new MoveMoneyRequest { RequestId = OperatorClient.NewRequestId(), AccountId = account, Kind = EntryKind.Topup, Ref = "test", AmountNanos = nanos },
            cancellationToken: TestContext.Current.CancellationToken);
    }

    /// <summary>Tells everybody something, as an operator does.</summary>
    /// <returns>The announcement's id.</returns>
    public async Task<string> AnnounceAsync(string english, string chinese, string level) =>
        (await CommandAsync("announcement", "announce", english, chinese, "--level", level, "--format", "csv")).Split('\n')[1].Split(',')[0];

    /// <summary>Takes it back.</summary>
    public Task WithdrawAsync(string announcement) => CommandAsync("announcement", "withdraw", announcement);

    /// <summary>An account that nobody owns yet, and the link to it.</summary>
    public async Task<(string Account, string Link)> OwnerLinkAsync()
    {
        const string account = "Inherited001";
        await CommandAsync("account", "create", "Inherited", "--id", account);
        var link = await CommandAsync("account", "owner-link", account, "--format", "csv");
        return (account, link.Split('\n')[1].Split(',')[1]);
    }

    /// <summary>Runs a command of an operator's.</summary>
    /// <returns>What it writes.</returns>
    public async Task<string> CommandAsync(params string[] arguments)
    {
        var (code, output, errors) = await GatewayProcess.RunAsync(_settings, arguments);
        Assert.True(code == 0, errors);
        return output;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
        _operator?.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        if (_openId is not null)
        {
            await _openId.DisposeAsync();
        }

        if (_provider is not null)
        {
            await _provider.DisposeAsync();
        }

        if (_source is not null)
        {
            await _source.DisposeAsync();
            await _server.DropDatabaseAsync(_database);
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static string Chromium() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').SelectMany(folder => new[] { Path.Combine(folder, "chromium"), Path.Combine(folder, "google-chrome") })
            .FirstOrDefault(File.Exists) ?? throw new InvalidOperationException("Chromium is not installed: apt-get install chromium (./test does).");

    [GeneratedRegex(@"http://\S+", RegexOptions.NonBacktracking)]
    private static partial Regex Link();
}
