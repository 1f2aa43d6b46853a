using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using OrleansGateway.Tests.Browser.Running;
using Xunit;

namespace OrleansGateway.Tests.Browser.Flows;

/// <summary>Guessing, second factors and sessions.</summary>
[Collection(nameof(SiteCollection))]
public sealed partial class SignInTests(Site site)
{
    [Fact]
    public async Task Passwords_WrongAtTheSameTime_AreCountedAndNeverAFault()
    {
        const string email = "guessed@example.org";
        using var owner = new FormClient(site);
        await owner.BecomeAsync(site, email);
        using var stranger = new FormClient(site, "203.0.113.1");
        var form = await stranger.FormAsync("/sign-in", "sign-in");
        (form["Email"], form["Password"]) = (email, "not the password");

        var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => stranger.PostAsync("/sign-in", form)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode));
        await RecordedAsync(email, "wrong_password", 8);
        await RecordedAsync(email, "slowed_down", 16);

        // The stranger is stopped, even with the right password; the owner is not.
        using var right = await stranger.SignInAsync(email, People.Password);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, right.StatusCode);
        using var back = new FormClient(site);
        using var own = await back.SignInAsync(email, People.Password);
        Assert.Equal(HttpStatusCode.Found, own.StatusCode);
    }

    /// <summary>Of an IPv6 network, any address is where they were.</summary>
    [Theory]
    [InlineData("everywhere@example.org", "198.51.100.7", "198.51.100.7", "203.0.113.9")]
    [InlineData("everywhere6@example.org", "2001:db8:1:2::a", "2001:db8:1:2:ffff::b", "2001:db8:1:3::a")]
    public async Task Owner_FromWhereTheyWereBefore_GetsInWhileStrangersGuessFromEverywhere(string email, string home, string later, string foreign)
    {
        using var owner = new FormClient(site, home);
        await owner.BecomeAsync(site, email);
        await site.SqlAsync(
            "INSERT INTO people.attempt (subject, network, attempts, at) VALUES ($1, '*', 100, now())", OrleansGateway.Web.Accounts.Attempts.SubjectOf(email));

        using var elsewhere = new FormClient(site, foreign);
        using var refused = await elsewhere.SignInAsync(email, People.Password);
        using var back = new FormClient(site, later);
        using var taken = await back.SignInAsync(email, People.Password);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Found, taken.StatusCode);
    }

    [Fact]
    public async Task Reset_OfWhoeverIsSlowedDown_LetsThemInAtOnce()
    {
        const string email = "slowed@example.org";
        using var person = new FormClient(site, "203.0.113.2");
        await person.BecomeAsync(site, email);
        using var other = new FormClient(site, "203.0.113.2");
        for (var i = 0; i < 8; i++)
        {
            (await other.SignInAsync(email, "not the password")).Dispose();
        }

        using var stopped = await other.SignInAsync(email, People.Password);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, stopped.StatusCode);
        await other.TakenAsync("/forgot", "forgot", ("Email", email));
        await other.TakenAsync(FormClient.Path(await site.MailedLinkAsync(email, "reset")), "reset", ("Password", "another long password"));

        using var answer = await other.SignInAsync(email, "another long password");
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
    }

    /// <summary>Addresses that nobody has are slowed down like others: neither the answer nor the count tells.</summary>
    [Fact]
    public async Task Address_ThatNobodyHas_IsCountedLikeOthers()
    {
        using var stranger = new FormClient(site, "203.0.113.3");
        for (var i = 0; i < 9; i++)
        {
            using var answer = await stranger.SignInAsync("nobody-at-all@example.org", "not the password");
            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        }

        Assert.Equal(8, await site.SqlAsync(
            "SELECT attempts FROM people.attempt WHERE subject = $1 AND network = '203.0.113.3'", OrleansGateway.Web.Accounts.Attempts.SubjectOf("nobody-at-all@example.org")));
    }

    /// <summary>A wrong password writes the same whether somebody has the address or not: whose log it belongs to is looked up after the answer.</summary>
    [Fact]
    public async Task Password_ThatIsWrong_WritesTheSameForAnAddressThatNobodyHas()
    {
        const string known = "written@example.org";
        using var owner = new FormClient(site);
        await owner.BecomeAsync(site, known);
        await site.UntilAsync("SELECT count(*) = 0 FROM people.mail");
        using var stranger = new FormClient(site, "203.0.113.6");

        var written = new List<object?>();
        foreach (var email in new[] { known, "unwritten@example.org" })
        {
            var before = await WritesAsync();
            using var answer = await stranger.SignInAsync(email, "not the password");
            written.Add((long)(await WritesAsync())! - (long)before!);
        }

        Assert.Equal(written[0], written[1]);
        await RecordedAsync(known, "wrong_password", 1);

        // Rows that the answer waited for; those that come after it are not counted by their statement.
        Task<object?> WritesAsync() => site.SqlAsync("SELECT last_value FROM people.mail_id_seq");
    }

    /// <summary>Whoever sends a form slowly, or never ends it, takes nobody's turn.</summary>
    [Fact]
    public async Task Forms_ThatAreNeverEnded_HoldUpNobody()
    {
        var url = new Uri(site.Url);
        var slow = new List<TcpClient>();
        try
        {
            for (var i = 0; i < Environment.ProcessorCount + 2; i++)
            {
                var client = new TcpClient(url.Host, url.Port);
                slow.Add(client);
                await client.GetStream().WriteAsync(
                    Encoding.ASCII.GetBytes($"POST /sign-in HTTP/1.1\r\nHost: {url.Authority}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nEmail=a"),
                    TestContext.Current.CancellationToken);
            }

            using var person = new FormClient(site, "203.0.113.4");
            using var answer = await person.SignInAsync("nobody@example.org", "not the password");

            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        }
        finally
        {
            slow.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task SecondFactor_OnceOn_AsksForACodeThatIsGoodOnce()
    {
        const string email = "factor@example.org";
        using var person = new FormClient(site);
        await person.BecomeAsync(site, email);
        using var second = new FormClient(site);
        (await second.SignInAsync(email, People.Password)).Dispose();

        // 1. It is turned on by a code; another session ends.
        var key = Secret().Match(await person.TextAsync("/console/security/app")).Groups[1].Value.Replace(" ", "", StringComparison.Ordinal);
        var (now, next) = (Code(key, 0), Code(key, 1));
        using var on = await person.SubmitAsync("/console/security/app", "factor", ("Current", People.Password), ("Code", now));
        var codes = WebUtility.HtmlDecode(Codes().Match(await on.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Groups[1].Value).Split('\n');
        Assert.Equal(10, codes.Length);
        using var over = await second.GetAsync("/console");
        Assert.Equal(HttpStatusCode.Found, over.StatusCode);

        // 2. The database has neither the secret nor the codes.
        var kept = (string)(await site.SqlAsync(
            "SELECT string_agg(value, ' ') FROM people.person_token WHERE user_id = (SELECT id FROM people.person WHERE email = $1)", email))!;
        Assert.DoesNotContain(key, kept, StringComparison.Ordinal);
        Assert.DoesNotContain(codes[0], kept, StringComparison.Ordinal);

        // 3. A code is six digits, in one way.
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await CodeAsync("+" + next));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await CodeAsync("0" + next));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await CodeAsync(new string('1', 40)));

        // 4. It is taken once, in whatever session: that of a step ahead is good, the one that was used is not.
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await CodeAsync(now));
        Assert.Equal(HttpStatusCode.Found, await CodeAsync(next));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await CodeAsync(next));

        // 5. So is a recovery code.
        Assert.Equal(HttpStatusCode.Found, await CodeAsync(codes[0]));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await CodeAsync(codes[0]));
        Assert.Contains("9", await person.TextAsync("/console/security"), StringComparison.Ordinal);

        async Task<HttpStatusCode> CodeAsync(string code)
        {
            using var visitor = new FormClient(site);
            using var half = await visitor.SignInAsync(email, People.Password);
            Assert.StartsWith("/sign-in/code", FormClient.Location(half), StringComparison.Ordinal);
            using var inside = await visitor.GetAsync("/console");
            Assert.StartsWith("/sign-in", FormClient.Location(inside), StringComparison.Ordinal);
            using var answer = await visitor.SubmitAsync("/sign-in/code", "code", ("Code", code));
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task Codes_ThatAreGuessed_AreFew()
    {
        const string email = "codes@example.org";
        using var person = new FormClient(site);
        await person.BecomeAsync(site, email);
        var key = Secret().Match(await person.TextAsync("/console/security/app")).Groups[1].Value.Replace(" ", "", StringComparison.Ordinal);
        (await person.SubmitAsync("/console/security/app", "factor", ("Current", People.Password), ("Code", Code(key, 0)))).Dispose();
        using var thief = new FormClient(site, "203.0.113.5");
        (await thief.SignInAsync(email, People.Password)).Dispose();
        var form = await thief.FormAsync("/sign-in/code", "code");
        form["Code"] = "000000";

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => thief.PostAsync("/sign-in/code", form)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode));
        form["Code"] = Code(key, 1);
        using var late = await thief.PostAsync("/sign-in/code", form);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, late.StatusCode);
    }

    [Fact]
    public async Task Session_ThatIsEndedFromAnother_IsOver()
    {
        const string email = "sessions@example.org";
        using var first = new FormClient(site);
        await first.BecomeAsync(site, email);
        using var second = new FormClient(site);
        (await second.SignInAsync(email, People.Password)).Dispose();
        var fields = await first.FormAsync("/console/sessions", "end");
        var other = EndButton().Match(await first.TextAsync("/console/sessions")).Groups[1].Value;

        using var ended = await first.PostAsync("/console/sessions", fields.Append(new("Ended", other)));

        using var answer = await second.GetAsync("/console");
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        using var own = await first.GetAsync("/console");
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    private Task RecordedAsync(string email, string outcome, int times) => site.UntilAsync(
        "SELECT count(*) = $3 FROM people.sign_in WHERE outcome = $2 AND person_id = (SELECT id FROM people.person WHERE email = $1)", email, outcome, times);

    /// <summary>What an app shows, some steps of half a minute from now (RFC 6238).</summary>
    private static string Code(string key, int steps)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var bits = string.Concat(key.TrimEnd('=').Select(character => Convert.ToString(Alphabet.IndexOf(character, StringComparison.OrdinalIgnoreCase), 2).PadLeft(5, '0')));
        var secret = Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(i * 8, 8), 2)).ToArray();
        var counter = BitConverter.GetBytes(IPAddress.HostToNetworkOrder((DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 30) + steps));
#pragma warning disable CA5350 // as apps do
        var hash = HMACSHA1.HashData(secret, counter);
#pragma warning restore CA5350
        var at = hash[^1] & 15;
        var number = (((hash[at] & 127) << 24) | (hash[at + 1] << 16) | (hash[at + 2] << 8) | hash[at + 3]) % 1_000_000;
        return number.ToString("000000", System.Globalization.CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("id=\"secret\">([^<]+)<")]
    private static partial Regex Secret();

    [GeneratedRegex("id=\"codes\">([^<]+)<")]
    private static partial Regex Codes();

    [GeneratedRegex("name=\"Ended\" value=\"([^\"]+)\"")]
    private static partial Regex EndButton();
}
