using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;
using OrleansGateway.Tests.Browser.Running;
using OrleansGateway.Web;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>Every route of the site, as its assembly has them: a new page is in these tests by being there.</summary>
[Collection(nameof(SiteCollection))]
public sealed partial class RouteTests(Site site)
{
    /// <summary>Beside pages.</summary>
    private static readonly string[] Files = ["/console/usage.csv", "/console/usage.json", "/console/my-data/{id:guid}.zip"];

    private static readonly string[] QueryNames = ["key", "id", "account", "accountId", "person", "request", "after"];

    private static readonly string[] Routes =
        [.. typeof(SiteOptions).Assembly.GetTypes().SelectMany(type => type.GetCustomAttributes<RouteAttribute>()).Select(route => route.Template).Concat(Files).Order(StringComparer.Ordinal)];

    private static string[] ConsoleRoutes => [.. Routes.Where(route => route.StartsWith("/console", StringComparison.Ordinal))];

    [Fact]
    public async Task Routes_OfTheConsole_AskWhoeverHasNoSessionToSignIn()
    {
        Assert.True(ConsoleRoutes.Length > 10);
        using var nobody = new FormClient(site);
        foreach (var route in ConsoleRoutes)
        {
            using var answer = await nobody.GetAsync(Filled(route, Guid.Empty.ToString()));
            Assert.True(answer.StatusCode == HttpStatusCode.Found && FormClient.Location(answer)!.StartsWith("/sign-in?", StringComparison.Ordinal), $"{route}: {(int)answer.StatusCode}");
        }
    }

    [Fact]
    public async Task Routes_WithAnothersIds_TellNothingOfThem()
    {
        var (owner, account, secrets, ids) = await OwnerAsync("routes-owner@example.org");
        using var _ = owner;
        using var other = new FormClient(site);
        await other.BecomeAsync(site, "routes-other@example.org");
        foreach (var route in ConsoleRoutes)
        {
            foreach (var id in ids)
            {
                var query = string.Join('&', QueryNames.Select(name => $"{name}={id}"));
                using var answer = await other.GetAsync($"{Filled(route, id)}?{query}");
                var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                Assert.All(secrets, secret => Assert.False(text.Contains(secret, StringComparison.Ordinal), $"{route} with {id} tells {secret}."));
                Assert.True(!route.Contains('{', StringComparison.Ordinal) || answer.StatusCode == HttpStatusCode.NotFound, $"{route} with {id}: {(int)answer.StatusCode}");
            }
        }

        Assert.NotEmpty(account);
    }

    /// <summary>What a form does not ask for changes nothing: neither somebody else's nor one's own.</summary>
    [Fact]
    public async Task Forms_WithFieldsThatTheyDoNotHave_ChangeNothingElse()
    {
        var (owner, account, _, ids) = await OwnerAsync("forms-owner@example.org");
        using var _ = owner;
        const string email = "forms-other@example.org";
        using var other = new FormClient(site);
        await other.BecomeAsync(site, email);
        var before = await StateAsync(account, email);
        var sent = 0;

        // Those of the last page close the console.
        foreach (var route in Routes.Where(route => !route.Contains('{', StringComparison.Ordinal)).OrderBy(route => route.StartsWith("/console/privacy", StringComparison.Ordinal)))
        {
            using var page = await other.GetAsync(route);
            var text = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            foreach (var form in Handler().Matches(text).Select(match => match.Groups[1].Value).Distinct())
            {
                var fields = await other.FormAsync(route, form);
                foreach (var (name, value) in Extra(ids, account))
                {
                    fields.TryAdd(name, value);
                }

                using var answer = await other.PostAsync(route, fields);
                Assert.True((int)answer.StatusCode < 500, $"{route} {form}: {(int)answer.StatusCode}");
                sent++;
            }
        }

        Assert.True(sent >= 10, $"{sent} forms were sent.");
        Assert.Equal(before, await StateAsync(account, email));
    }

    /// <summary>A form without the page's token is refused.</summary>
    [Fact]
    public async Task Forms_WithoutTheirToken_AreRefused()
    {
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "tokens@example.org");
        foreach (var route in Routes.Where(route => !route.Contains('{', StringComparison.Ordinal)))
        {
            using var page = await person.GetAsync(route);
            var text = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            foreach (var form in Handler().Matches(text).Select(match => match.Groups[1].Value).Distinct())
            {
                using var answer = await person.PostAsync(route, [new("_handler", form)]);
                Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{route} {form}: {(int)answer.StatusCode}");
            }
        }

        foreach (var path in new[] { "/sign-out", "/passkey/create", "/passkey/request", "/console/playground/stream" })
        {
            using var answer = await person.PostAsync(path, []);
            Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{path}: {(int)answer.StatusCode}");
        }
    }

    /// <summary>Somebody else's Host is in no link and no redirect.</summary>
    [Fact]
    public async Task Host_OfSomebodyElse_IsInNoMailedLink()
    {
        const string email = "host@example.org";
        using var person = new FormClient(site);
        await person.BecomeAsync(site, email);
        using var stranger = new FormClient(site);
        var form = await stranger.FormAsync("/forgot", "forgot");
        form["Email"] = email;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/forgot") { Content = new FormUrlEncodedContent(form) };
        request.Headers.Host = "evil.example";
        (await stranger.SendAsync(request)).Dispose();

        Assert.StartsWith(site.Url, await site.MailedLinkAsync(email, "reset"), StringComparison.Ordinal);
        Assert.All(site.MailsOf(email), mail => Assert.DoesNotContain("evil.example", mail.TextBody, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/sign-in")]
    [InlineData("/console")]
    [InlineData("/nothing/here")]
    public async Task Answers_OfTheSite_TellBrowsersWhatToRefuse(string path)
    {
        using var nobody = new FormClient(site);
        using var answer = await nobody.GetAsync(path);
        Assert.Contains("default-src 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Cross-Origin-Opener-Policy")));
    }

    [Fact]
    public async Task Cookie_OfASession_IsOutOfScriptsReach()
    {
        const string email = "cookie@example.org";
        using var person = new FormClient(site);
        await person.BecomeAsync(site, email);
        using var again = await person.SignInAsync(email, People.Password);

        var cookie = again.Headers.GetValues("Set-Cookie").Single(value => value.StartsWith("session=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Somebody with a key, an export and a call, and what only they may see.</summary>
    private async Task<(FormClient Owner, string Account, string[] Secrets, string[] Ids)> OwnerAsync(string email)
    {
        var owner = new FormClient(site);
        await owner.BecomeAsync(site, email);
        (await owner.SubmitAsync("/console/keys/new", "new-key", ("KeyName", $"Key of {email}"))).Dispose();
        await owner.TakenAsync("/console/privacy", "export");
        await site.UntilAsync("SELECT ready_at IS NOT NULL FROM people.data_export WHERE person_id = (SELECT id FROM people.person WHERE email = $1)", email);
        var account = (string)(await site.SqlAsync("SELECT account_id FROM people.account_member WHERE person_id = (SELECT id FROM people.person WHERE email = $1)", email))!;
        var key = (string)(await site.SqlAsync("SELECT id FROM api_key WHERE account_id = $1", account))!;
        var person = (Guid)(await site.SqlAsync("SELECT id FROM people.person WHERE email = $1", email))!;
        var export = (Guid)(await site.SqlAsync("SELECT id FROM people.data_export WHERE person_id = $1", person))!;
        return (owner, account, [email, $"Key of {email}"], [key, account, person.ToString(), export.ToString()]);
    }

    /// <summary>All of the owner's, and what of the other person no form but its own changes.</summary>
    private async Task<object?> StateAsync(string account, string other) => await site.SqlAsync(
        """
        SELECT (SELECT string_agg(p::text, ',') FROM people.person p JOIN people.account_member m ON m.person_id = p.id WHERE m.account_id = $1)
            || (SELECT string_agg(concat_ws(',', a.status, a.balance, a.name), ',') FROM account a WHERE a.id = $1)
            || (SELECT string_agg(k::text, ',') FROM api_key k WHERE k.account_id = $1)
            || (SELECT count(*) FROM people.session s JOIN people.account_member m ON m.person_id = s.person_id WHERE m.account_id = $1)
            || (SELECT concat_ws(',', p.id, p.email, p.email_confirmed, p.password_hash, p.two_factor_enabled, p.created_at, p.deletion_due_at, p.policy_withdrawn_at, p.deleted_at)
                FROM people.person p WHERE p.email = $2)
            || (SELECT concat_ws(',', m.account_id, m.role, a.balance, a.status) FROM people.account_member m JOIN account a ON a.id = m.account_id
                WHERE m.person_id = (SELECT id FROM people.person WHERE email = $2))
        """,
        account,
        other);

    private static IEnumerable<(string Name, string Value)> Extra(string[] ids, string account) =>
    [
        ("AccountId", account), ("account", account), ("PersonId", ids[2]), ("KeyId", ids[0]), ("person", ids[2]), ("Email", "forms-owner@example.org"),
        ("EmailConfirmed", "true"), ("TwoFactorEnabled", "true"), ("PasswordHash", "x"), ("Role", "operator"), ("BalanceNanos", "1000000000000"), ("Actor.Kind", "Operator"),
        ("Actor.AccountId", account), ("Status", "Active"), ("PolicyWithdrawnAt", "2026-01-01"), ("DeletionDueAt", "2026-01-01"), ("DeletedAt", "2026-01-01"), ("UserName", "forms-owner@example.org"),
    ];

    private static string Filled(string route, string id) => Parameter().Replace(route, id);

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();

    [GeneratedRegex("name=\"_handler\" value=\"([^\"]+)\"")]
    private static partial Regex Handler();
}
