using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>What people change, take back, take with them and delete.</summary>
[Collection(nameof(SiteCollection))]
public sealed partial class PersonalDataTests(Site site)
{
    private const string Later = "another long password";

    /// <summary>Where something of a person may stand.</summary>
    private static readonly string[] Tables =
        ["people.person", "people.session", "people.sign_in", "people.consent", "people.account_member", "account", "api_key", "usage", "audit", "ledger"];

    [Fact]
    public async Task Email_ThatIsChanged_IsConfirmedAtTheNewAddressAndUndoneFromTheOldOne()
    {
        const string old = "before@example.org";
        const string changed = "after@example.org";
        using var person = new FormClient(site);
        await person.BecomeAsync(site, old);

        // 1. Without the password nothing is sent; without the link nothing is changed.
        using var refused = await person.SubmitAsync("/console/email", "email", ("NewEmail", changed), ("Current", "not the password"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        await person.TakenAsync("/console/email", "email", ("NewEmail", changed), ("Current", People.Password));
        Assert.Contains(old, await person.TextAsync("/console/profile"), StringComparison.Ordinal);

        // 2. The link changes it, once; whoever signs in says the new address.
        var link = FormClient.Path(await site.MailedLinkAsync(changed, "email/confirm"));
        await person.TakenAsync(link, "email-confirm");
        Assert.Contains(changed, await person.TextAsync("/console/profile"), StringComparison.Ordinal);
        using var again = await person.SubmitAsync(link, "email-confirm");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, again.StatusCode);
        using var byOld = new FormClient(site);
        using var wrong = await byOld.SignInAsync(old, People.Password);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);

        // 3. Whoever changed it adds a second factor and a passkey, and registers the old address.
        await site.SqlAsync(
            """
            WITH thief AS (UPDATE people.person SET two_factor_enabled = true WHERE email = $1 RETURNING id),
            tokens AS (INSERT INTO people.person_token SELECT id, '[AspNetUserStore]', 'AuthenticatorKey', 'ABCDEFGH' FROM thief)
            INSERT INTO people.person_passkey (credential_id, user_id, data) SELECT '\x01', id, '{}' FROM thief
            """,
            changed);
        using var blocker = new FormClient(site);
        await blocker.RegisterAsync(old);

        // 4. The old address undoes it: sessions and factors end, the password is gone, a new one is set.
        using var owner = new FormClient(site);
        var undo = FormClient.Path(await site.MailedLinkAsync(old, "email/undo"));
        var reset = await owner.TakenAsync(undo, "email-undo");
        using var over = await person.GetAsync("/console");
        Assert.Equal(HttpStatusCode.Found, over.StatusCode);
        using var known = await owner.SignInAsync(old, People.Password);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, known.StatusCode);
        Assert.Equal(0L, await site.SqlAsync(
            "SELECT (SELECT count(*) FROM people.person_passkey WHERE user_id = p.id) + (SELECT count(*) FROM people.person_token WHERE user_id = p.id) FROM people.person p WHERE email = $1", old));
        await owner.TakenAsync(reset, "reset", ("Password", Later));
        using var signedIn = await owner.SignInAsync(old, Later);
        Assert.Equal("/console", FormClient.Location(signedIn));
        using var used = await owner.SubmitAsync(undo, "email-undo");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, used.StatusCode);
    }

    /// <summary>Whether somebody has an address is told to them alone.</summary>
    [Fact]
    public async Task Email_ThatSomebodyHas_IsNotTakenAndNotTold()
    {
        const string taken = "taken@example.org";
        using var owner = new FormClient(site);
        await owner.BecomeAsync(site, taken);
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "taker@example.org");

        Assert.Equal("/console/email?sent=true", await person.TakenAsync("/console/email", "email", ("NewEmail", taken), ("Current", People.Password)));

        await site.UntilAsync("SELECT count(*) = 0 FROM people.mail");
        Assert.DoesNotContain(site.MailsOf(taken), mail => mail.TextBody!.Contains("/email/confirm", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Consent_ThatIsTakenBack_StopsKeysAndGivenAgainStartsThem()
    {
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "withdraws@example.org");
        var (account, key) = await KeyAsync(person);
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key));

        await person.TakenAsync("/console/privacy", "consent-withdraw", ("Sure", "true"));
        Assert.Equal(HttpStatusCode.Forbidden, await CallAsync(key));
        using var closed = await person.GetAsync("/console/keys");
        Assert.Equal("/console/privacy", FormClient.Location(closed));
        Assert.Equal(false, await site.SqlAsync("SELECT is_given FROM people.consent WHERE purpose = 'privacy' AND person_id = (SELECT person_id FROM people.account_member WHERE account_id = $1) ORDER BY id DESC LIMIT 1", account));
        Assert.Equal("policy", await site.SqlAsync("SELECT request->>'reason' FROM audit WHERE subject = $1 AND action = 'account.pause'", account));

        await person.TakenAsync("/console/privacy", "consent-give");
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key));
        Assert.Contains("Keys", await person.TextAsync("/console/keys"), StringComparison.Ordinal);
    }

    /// <summary>Whom an operator has suspended does not start themselves.</summary>
    [Fact]
    public async Task Consent_GivenAgainByWhomAnOperatorSuspended_StartsNothing()
    {
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "suspended@example.org");
        var (account, key) = await KeyAsync(person);
        await person.TakenAsync("/console/privacy", "consent-withdraw", ("Sure", "true"));
        await site.CommandAsync("account", "suspend", account);

        await person.TakenAsync("/console/privacy", "consent-give");

        Assert.Equal(HttpStatusCode.Forbidden, await CallAsync(key));
    }

    /// <summary>Keys come first, the register last: what cannot be done is not written down as done, and can be asked for again.</summary>
    [Fact]
    public async Task Consent_GivenAgainWhileKeysCannotStart_StaysWithdrawn()
    {
        const string email = "unstartable@example.org";
        using var person = new FormClient(site);
        await person.BecomeAsync(site, email);
        var (account, _) = await KeyAsync(person);
        await person.TakenAsync("/console/privacy", "consent-withdraw", ("Sure", "true"));
        await site.SqlAsync("CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no room''; END'");
        await site.SqlAsync($"CREATE TRIGGER refuse_audit BEFORE INSERT ON audit FOR EACH ROW WHEN (NEW.subject = '{account}') EXECUTE FUNCTION refuse_audit()");

        using var refused = await person.SubmitAsync("/console/privacy", "consent-give");
        await site.SqlAsync("DROP FUNCTION refuse_audit() CASCADE");

        Assert.NotEqual(HttpStatusCode.Found, refused.StatusCode);
        Assert.Equal(true, await site.SqlAsync("SELECT policy_withdrawn_at IS NOT NULL FROM people.person WHERE email = $1", email));
        Assert.Equal(false, await site.SqlAsync("SELECT is_given FROM people.consent JOIN people.person p ON p.id = person_id WHERE email = $1 ORDER BY consent.id DESC LIMIT 1", email));
    }

    [Fact]
    public async Task Export_ThatIsAskedFor_IsMadeAfterARestartAndGivenToItsPersonAlone()
    {
        const string email = "exports@example.org";
        using var person = new FormClient(site);
        await person.BecomeAsync(site, email);
        var (_, key) = await KeyAsync(person);
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key));

        // 1. A process that dies with it leaves it to the next one.
        await site.SqlAsync(
            "INSERT INTO people.data_export (id, person_id, asked_at, next_try_at, tries, expires_at, bytes) SELECT gen_random_uuid(), id, now(), now() + interval '2 seconds', 1, now() + interval '1 day', 0 FROM people.person WHERE email = $1",
            email);
        await site.RestartAsync();
        await site.UntilAsync("SELECT ready_at IS NOT NULL FROM people.data_export WHERE person_id = (SELECT id FROM people.person WHERE email = $1)", email);
        await site.MailedLinkOfAsync(email, "/console/privacy");

        // 2. Its person fetches it.
        var path = Zip().Match(await person.TextAsync("/console/privacy")).Value;
        using var answer = await person.GetAsync(path);
        using var zip = new ZipArchive(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        Assert.Equal(
            ["calls.csv", "consents.json", "e-mail-changes.json", "keys.json", "ledger.csv", "passkeys.json", "person.json", "read-me.txt", "sessions.json", "sign-in-providers.json", "sign-ins.json"],
            zip.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal));
        using var calls = new StreamReader(zip.GetEntry("calls.csv")!.Open());
        Assert.Equal(2, (await calls.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim().Split('\n').Length);

        // 3. Nobody else does; the database alone gives nothing away.
        using var other = new FormClient(site);
        await other.BecomeAsync(site, "curious@example.org");
        using var foreign = await other.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        Assert.Equal(false, await site.SqlAsync("SELECT bool_or(position('PK'::bytea IN content) = 1) FROM people.data_export_part"));
    }

    [Fact]
    public async Task Account_ThatIsDeleted_CanBeKeptAndThenLeavesNothingThatNamesItsPerson()
    {
        const string email = "leaves@example.org";
        using var person = new FormClient(site, "203.0.113.77");
        await person.BecomeAsync(site, email);
        var (account, key) = await KeyAsync(person, "Ada's laptop");
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key, "203.0.113.77"));

        // 1. It takes the password and the address; keys stop at once; the balance is told.
        Assert.Contains("$4.9", await person.TextAsync("/console/privacy/delete"), StringComparison.Ordinal);
        using var refused = await person.SubmitAsync("/console/privacy/delete", "delete", ("Typed", "other@example.org"), ("Current", People.Password));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        await person.TakenAsync("/console/privacy/delete", "delete", ("Typed", email), ("Current", People.Password));
        Assert.Equal(HttpStatusCode.Forbidden, await CallAsync(key, "203.0.113.77"));

        // 2. It can be kept.
        await person.TakenAsync("/console/privacy", "deletion-undo");
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key, "203.0.113.77"));

        // 3. Asked for again, and its day come, all that names the person is gone, wherever it stands.
        await person.TakenAsync("/console/privacy/delete", "delete", ("Typed", email), ("Current", People.Password));
        await site.SqlAsync("UPDATE people.person SET deletion_due_at = now() - interval '1 minute' WHERE email = $1", email);
        await site.RestartAsync();
        await site.UntilAsync("SELECT p.deleted_at IS NOT NULL FROM people.person p JOIN people.account_member m ON m.person_id = p.id WHERE m.account_id = $1", account);
        foreach (var table in Tables)
        {
            var rows = (string)(await site.SqlAsync($"SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {table} t"))!;
            Assert.DoesNotContain(email, rows, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("203.0.113.77", rows, StringComparison.Ordinal);
            Assert.DoesNotContain("Ada's laptop", rows, StringComparison.Ordinal);
        }

        // 4. The books are right, and the account is closed.
        Assert.Equal("closed", await site.SqlAsync("SELECT status FROM account WHERE id = $1", account));
        Assert.Contains("The books are right", await site.CommandAsync("verify"), StringComparison.Ordinal);
        using var nobody = new FormClient(site);
        using var signIn = await nobody.SignInAsync(email, People.Password);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, signIn.StatusCode);
    }

    /// <summary>The form of a key, sent twice at once as by a double click, makes one and shows it in both answers.</summary>
    [Fact]
    public async Task KeyForm_SentTwiceAtOnce_ShowsTheSameKeyTwice()
    {
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "double@example.org");
        var form = await person.FormAsync("/console/keys/new", "new-key");
        form["KeyName"] = "Once";

        var answers = await Task.WhenAll(person.PostAsync("/console/keys/new", form), person.PostAsync("/console/keys/new", form));

        var secrets = await Task.WhenAll(answers.Select(async answer => Secret().Match(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Value));
        Assert.StartsWith("sk-og-", secrets[0], StringComparison.Ordinal);
        Assert.Equal(secrets[0], secrets[1]);
        Assert.Single(KeyLink().Matches(await person.TextAsync("/console/keys")).Select(match => match.Value).Distinct());
    }

    /// <summary>One request is found by its id without a look at the days between.</summary>
    [Fact]
    public async Task Request_LookedForByItsId_IsFoundThoughItIsOld()
    {
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "looks@example.org");
        var (account, key) = await KeyAsync(person);
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key));
        var request = (string)(await site.SqlAsync("SELECT request_id FROM usage WHERE account_id = $1", account))!;

        Assert.Contains($">{request}</a></td>", await person.TextAsync($"/console/usage?request={request}"), StringComparison.Ordinal);
    }

    /// <summary>A person has two exports at a time, read or not; the console goes on beside them.</summary>
    [Fact]
    public async Task Exports_ThatNobodyReads_AreTwoAPersonAndLeaveTheConsoleAlone()
    {
        using var person = new FormClient(site);
        await person.BecomeAsync(site, "stalls@example.org");
        var (account, key) = await KeyAsync(person);
        Assert.Equal(HttpStatusCode.OK, await CallAsync(key));
        await site.SqlAsync(
            $"""
            DO $$
            DECLARE columns text;
            BEGIN
                SELECT string_agg(CASE column_name WHEN 'request_id' THEN '''req_'' || n' WHEN 'charge' THEN '0' ELSE 'u.' || column_name END, ', ' ORDER BY ordinal_position)
                INTO columns FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'usage';
                EXECUTE 'INSERT INTO usage SELECT ' || columns || ' FROM usage u, generate_series(1, 100000) n WHERE u.account_id = ''{account}''';
            END $$
            """);

        try
        {
            using var first = await person.BeginAsync("/console/usage.csv");
            using var second = await person.BeginAsync("/console/usage.json");
            using var third = await person.GetAsync("/console/usage.csv");

            Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (first.StatusCode, second.StatusCode, third.StatusCode));
            Assert.Contains(account, await person.TextAsync("/console"), StringComparison.Ordinal);
        }
        finally
        {
            await site.SqlAsync("DELETE FROM usage WHERE account_id = $1 AND charge = 0", account);
        }
    }

    private async Task<(string Account, string Key)> KeyAsync(FormClient person, string name = "Key")
    {
        using var made = await person.SubmitAsync("/console/keys/new", "new-key", ("KeyName", name));
        var key = Secret().Match(await made.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Value;
        var account = Account().Match(await person.TextAsync("/console")).Groups[1].Value;
        await site.CreditAsync(account, "5");
        return (account, key);
    }

    private async Task<HttpStatusCode> CallAsync(string key, string address = "198.51.100.70")
    {
        using var client = new HttpClient { BaseAddress = new Uri(site.Url) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        client.DefaultRequestHeaders.Add("X-Forwarded-For", address);
        using var body = new StringContent("""{"model":"sim-mini","messages":[{"role":"user","content":"Hello"}]}""", Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync("/v1/chat/completions", body, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    [GeneratedRegex("/console/my-data/[0-9a-f-]+\\.zip")]
    private static partial Regex Zip();

    [GeneratedRegex("sk-og-[0-9A-Za-z-]+")]
    private static partial Regex Secret();

    [GeneratedRegex("/console/keys/(?!new)[0-9A-Za-z]+")]
    private static partial Regex KeyLink();

    [GeneratedRegex("<span class=\"mono\">([0-9A-Za-z]{12})</span>")]
    private static partial Regex Account();
}
