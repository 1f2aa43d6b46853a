using System.CommandLine;
using System.Text.Json.Nodes;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary><c>key …</c>: what clients authenticate with.</summary>
internal static class KeyVerbs
{
    public static Command Create(VerbRunner run)
    {
        var key = new Command("key", "keys: what clients authenticate with");
        key.Add(CreateKey(run));
        var account = AccountId();
        key.Add(Verb("list", "an account's keys", run, [account], parsed => new OperatorCall(HttpMethod.Get, Path(parsed, account))));
        key.Add(Update(run));
        key.Add(SetStatus(run, "disable", "refuses its requests until it is enabled", "disabled"));
        key.Add(SetStatus(run, "enable", "lets its requests through again", "active"));
        key.Add(SetStatus(run, "revoke", "refuses its requests for good", "revoked"));
        return key;
    }

    private static string Path(ParseResult parsed, Argument<string> account) => $"accounts/{Escape(parsed.GetValue(account)!)}/keys";

    private static Command CreateKey(VerbRunner run)
    {
        var account = AccountId();
        var options = new KeyOptions();
        return Verb("create", "makes a key and shows it, this once", run, [account, .. options.All], parsed =>
        {
            var body = options.Body(parsed);
            body.TryAdd("name", "key");
            return new OperatorCall(HttpMethod.Post, Path(parsed, account), body);
        });
    }

    private static Command Update(VerbRunner run)
    {
        var account = AccountId();
        var key = KeyId();
        var options = new KeyOptions();
        return Verb("update", "changes a key; what is not named stays", run, [account, key, .. options.All], parsed => new OperatorCall(
            HttpMethod.Patch, $"{Path(parsed, account)}/{Escape(parsed.GetValue(key)!)}", options.Body(parsed)));
    }

    private static Command SetStatus(VerbRunner run, string verb, string description, string status)
    {
        var account = AccountId();
        var key = KeyId();
        return Verb(verb, description, run, [account, key], parsed => new OperatorCall(
            HttpMethod.Patch, $"{Path(parsed, account)}/{Escape(parsed.GetValue(key)!)}", new JsonObject { ["status"] = status }));
    }

    /// <summary>A key's settings.</summary>
    private sealed class KeyOptions
    {
        private readonly Option<string?> _name = Option("--name", "what to call it");
        private readonly Option<string?> _expires = Option("--expires", "a time such as 2027-01-31T00:00:00Z, or none");
        private readonly Option<string?> _models = Option("--models", "the models it may use, with commas between, or none for all");
        private readonly Option<string?> _addresses = Option("--addresses", "addresses or networks it may be used from, with commas between, or none for all");
        private readonly Option<string?> _capTotal = Option("--cap-total", "the most it may spend in all, USD, or none");
        private readonly Option<string?> _capDay = Option("--cap-day", "the most it may spend in a day (UTC), USD, or none");
        private readonly Option<string?> _capWeek = Option("--cap-week", "the most it may spend in a week from Monday (UTC), USD, or none");
        private readonly Option<string?> _capMonth = Option("--cap-month", "the most it may spend in a month (UTC), USD, or none");
        private readonly Option<string?> _showCost = Option("--show-cost", "true: answers tell their cost in usage.cost");
        private readonly LimitOptions _limits = new();

        public IEnumerable<Symbol> All =>
            [_name, _expires, _models, _addresses, _capTotal, _capDay, _capWeek, _capMonth, .. _limits.All, _showCost];

        public JsonObject Body(ParseResult parsed) => _limits.Add(parsed, new JsonObject()
            .Text(parsed, _name, "name")
            .OrNone(parsed, _expires, "expires_at")
            .OrNone(parsed, _models, "models", List)
            .OrNone(parsed, _addresses, "addresses", List)
            .OrNone(parsed, _capTotal, "cap_total_usd")
            .OrNone(parsed, _capDay, "cap_day_usd")
            .OrNone(parsed, _capWeek, "cap_week_usd")
            .OrNone(parsed, _capMonth, "cap_month_usd")
            .OrNone(parsed, _showCost, "show_cost", Flag));
    }
}
