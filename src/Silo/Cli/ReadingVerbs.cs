using System.CommandLine;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary>Verbs that read: usage, the ledger, the books.</summary>
internal static class ReadingVerbs
{
    public static Command Usage(VerbRunner run)
    {
        Option<string?>[] filters =
        [
            Option("--account", "of this account alone"),
            Option("--key", "of this key's id alone"),
            Option("--model", "of this model alone"),
            Option("--channel", "of this channel alone"),
            Option("--status", "with this status alone, such as completed"),
            Option("--from", "from this time on, such as 2027-01-31T00:00:00Z"),
            Option("--to", "before this time"),
        ];
        var limit = Option("--limit", "at most so many, the newest first (default 100)");
        var by = Option("--by", "sums instead of requests, by any of day, account, key, model, channel with commas between, or none");
        var all = new Option<bool>("--all") { Description = "every request, the oldest first" };
        return Verb("usage", "relayed requests: tokens, charge, times", run, [.. filters, limit, by, all], parsed => new OperatorCall(
            HttpMethod.Get,
            parsed.GetValue(by) is not null ? "usage/totals" + Query(parsed, [.. filters, by])
            : parsed.GetValue(all) ? "usage/export" + Query(parsed, filters)
            : "usage" + Query(parsed, [.. filters, limit])));
    }

    public static Command Ledger(VerbRunner run)
    {
        var account = AccountId();
        Option<string?>[] filters =
        [
            Option("--from", "from this time on, such as 2027-01-31T00:00:00Z"),
            Option("--to", "before this time"),
            Option("--before", "rows before this seq"),
            Option("--limit", "at most so many, the newest first (default 100)"),
        ];
        return Verb("ledger", "an account's movements of money", run, [account, .. filters], parsed => new OperatorCall(
            HttpMethod.Get, $"accounts/{Escape(parsed.GetValue(account)!)}/ledger" + Query(parsed, filters)));
    }

    public static Command Verify(VerbRunner run) => Verb(
        "verify", "adds up the whole ledger and checks every account; exit code 1 if anything is off", run, [],
        _ => new OperatorCall(HttpMethod.Get, "verify"));
}
