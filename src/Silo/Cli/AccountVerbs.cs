using System.CommandLine;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Keys;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary><c>account …</c>: who pays.</summary>
internal static class AccountVerbs
{
    public static Command Create(VerbRunner run)
    {
        var account = new Command("account", "accounts: who pays");
        account.Add(CreateAccount(run));
        account.Add(List(run));
        var id = AccountId();
        account.Add(Verb("show", "one account as it stands", run, [id], parsed => new OperatorCall(HttpMethod.Get, Path(parsed, id))));
        account.Add(Move(run, "credit", "adds money", "", ("topup", "bonus", "compensation", "adjustment")));
        account.Add(Move(run, "debit", "takes money that is available", "-", ("adjustment", "refund", null, null)));
        account.Add(SetStatus(run, "suspend", "refuses its requests from the next one on", "suspended"));
        account.Add(SetStatus(run, "resume", "ends a suspension", "active"));
        account.Add(SetStatus(run, "close", "refuses its requests for good", "closed"));
        account.Add(SetLimits(run));
        return account;
    }

    private static string Path(ParseResult parsed, Argument<string> id) => $"accounts/{Escape(parsed.GetValue(id)!)}";

    private static Command List(VerbRunner run)
    {
        Option<string?>[] filters =
        [
            Option("--status", "active, suspended or closed"),
            Option("--search", "a part of the name or the id"),
            Option("--after", "accounts after this id"),
            Option("--limit", "at most so many, by id (default 100)"),
        ];
        return Verb("list", "accounts as the ledger has them", run, filters, parsed => new OperatorCall(
            HttpMethod.Get, "accounts" + Query(parsed, filters)));
    }

    private static Command CreateAccount(VerbRunner run)
    {
        var name = new Argument<string>("name") { Description = "what to call it" };
        var id = Option("--id", "12 letters and digits; a repeat with the same id changes nothing (default: a new one)");
        var limits = new LimitOptions();
        return Verb("create", "makes an account", run, [name, id, .. limits.All], parsed => new OperatorCall(
            HttpMethod.Post,
            "accounts",
            limits.Add(parsed, new JsonObject { ["name"] = parsed.GetValue(name) }.Text(parsed, id, "id"))));
    }

    private static Command Move(VerbRunner run, string verb, string description, string sign, (string Default, string, string?, string?) kinds)
    {
        var id = AccountId();
        var amount = Amount();
        var reference = Option("--ref", "what makes it one: the same ref never moves money twice (default: a new one, printed)");
        var kind = new Option<string>("--kind") { Description = "the ledger row's kind", DefaultValueFactory = _ => kinds.Default };
        kind.AcceptOnlyFromAmong([.. new[] { kinds.Default, kinds.Item2, kinds.Item3, kinds.Item4 }.OfType<string>()]);
        return Verb(verb, description, run, [id, amount, reference, kind], parsed => new OperatorCall(
            HttpMethod.Post,
            $"{Path(parsed, id)}/moves",
            new JsonObject
            {
                ["kind"] = parsed.GetValue(kind),
                ["ref"] = parsed.GetValue(reference) ?? $"cli-{Ids.NewKeyId(RandomSource.Secure)}",
                ["amount_usd"] = sign + parsed.GetValue(amount),
            }));
    }

    private static Command SetStatus(VerbRunner run, string verb, string description, string status)
    {
        var id = AccountId();
        return Verb(verb, description, run, [id], parsed => new OperatorCall(
            HttpMethod.Patch, Path(parsed, id), new JsonObject { ["status"] = status }));
    }

    private static Command SetLimits(VerbRunner run)
    {
        var id = AccountId();
        var limits = new LimitOptions();
        return Verb("limits", "changes its limits; those that are not named stay", run, [id, .. limits.All], parsed => new OperatorCall(
            HttpMethod.Patch, Path(parsed, id), limits.Add(parsed, [])));
    }
}

/// <summary>The limits that accounts and keys have in common.</summary>
internal sealed class LimitOptions
{
    private readonly Option<string?> _requests = Option("--requests-per-minute", "a number, or none");
    private readonly Option<string?> _tokens = Option("--tokens-per-minute", "a number, or none");
    private readonly Option<string?> _concurrency = Option("--concurrency", "requests that run at once, or none");

    public IEnumerable<Symbol> All => [_requests, _tokens, _concurrency];

    public JsonObject Add(ParseResult parsed, JsonObject body) => body
        .OrNone(parsed, _requests, "requests_per_minute", Count)
        .OrNone(parsed, _tokens, "tokens_per_minute", Count)
        .OrNone(parsed, _concurrency, "concurrency", Count);
}
