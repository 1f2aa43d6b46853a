using System.CommandLine;
using Google.Protobuf.WellKnownTypes;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary><c>account …</c>: who pays.</summary>
internal static class AccountVerbs
{
    public static Command Create() => new("account", "accounts: who pays")
    {
        CreateAccount(),
        List(),
        Show(),
        Move("credit", "adds money", 1, EntryKind.Topup, EntryKind.Bonus, EntryKind.Compensation, EntryKind.Adjustment),
        Move("debit", "takes money that is available", -1, EntryKind.Adjustment, EntryKind.Refund, EntryKind.Chargeback),
        SetLimits(),
        SetStatus("suspend", "refuses its requests from the next one on", AccountStatus.Suspended),
        SetStatus("resume", "ends a suspension", AccountStatus.Active),
        SetStatus("close", "refuses its requests for good", AccountStatus.Closed),
        OwnerLink(),
        Attach(),
    };

    private static Command CreateAccount()
    {
        var name = new Argument<string>("name") { Description = "what to call it" };
        var id = Option("--id", "12 letters and digits; a repeat with the same id changes nothing (default: a new one)");
        var limits = new LimitOptions();
        return Change("create", "makes an account", [name, id, .. limits.All], async (session, parsed) =>
        {
            var request = new CreateAccountRequest
            {
                RequestId = session.RequestId,
                AccountId = parsed.GetValue(id) ?? "",
                Name = parsed.GetValue(name),
                Limits = limits.Read(parsed, new FieldMask()),
            };
            session.Output.Write(Rows.Of(await session.Accounts.CreateAccountAsync(request, session.Soon)));
        });
    }

    private static Command List()
    {
        var status = Choice("--status", "only these", AccountStatus.Active, AccountStatus.Suspended, AccountStatus.Closed);
        var search = Option("--search", "a part of the name or the id");
        var limit = Limit("at most so many, by id (default: all)");
        return Reading("list", "accounts as the ledger has them", [status, search, limit], (session, parsed) => session.WritePagesAsync<Account>(
            parsed.GetValue(limit),
            async (size, token) =>
            {
                var request = new ListAccountsRequest
                {
                    PageSize = size, PageToken = token, Status = parsed.GetValue(status), Search = parsed.GetValue(search) ?? "",
                };
                var page = await session.Accounts.ListAccountsAsync(request, session.Soon);
                return (page.Accounts, page.NextPageToken);
            },
            Rows.Listed));
    }

    private static Command Show()
    {
        var account = AccountId();
        return Reading("show", "one account as it stands", [account], async (session, parsed) => session.Output.Write(
            Rows.Of(await session.Accounts.GetAccountAsync(new GetAccountRequest { AccountId = parsed.GetValue(account) }, session.Soon))));
    }

    private static Command Move(string verb, string description, int sign, params EntryKind[] kinds)
    {
        var account = AccountId();
        var amount = Usd();
        var reference = Option("--ref", "what makes it one: the same ref never moves money twice (default: the request's id, printed)");
        var kind = Choice("--kind", $"the ledger row's kind, {Rows.Name(kinds[0])} unless given", kinds);
        return Change(verb, description, [account, amount, reference, kind], async (session, parsed) =>
        {
            var request = new MoveMoneyRequest
            {
                RequestId = session.RequestId,
                AccountId = parsed.GetValue(account),
                Kind = parsed.GetValue(kind) is var given and not EntryKind.Unspecified ? given : kinds[0],
                Ref = parsed.GetValue(reference) ?? "",
                AmountNanos = sign * parsed.GetValue(amount),
            };
            session.Output.Write(Rows.Of(await session.Accounts.MoveMoneyAsync(request, session.Soon)));
        });
    }

    private static Command SetLimits()
    {
        var account = AccountId();
        var limits = new LimitOptions();
        return Change("limits", "changes its limits; those that are not named stay", [account, .. limits.All], async (session, parsed) =>
        {
            var request = new UpdateAccountRequest { RequestId = session.RequestId, AccountId = parsed.GetValue(account), UpdateMask = new FieldMask() };
            request.Limits = limits.Read(parsed, request.UpdateMask);
            session.Output.Write(Rows.Of(await session.Accounts.UpdateAccountAsync(request, session.Soon)));
        }).AtLeastOne([.. limits.All]);
    }

    private static Command OwnerLink()
    {
        var account = AccountId();
        return Change("owner-link", "makes a link that makes whoever opens it first its owner; shown once", [account], async (session, parsed) =>
        {
            var request = new CreateOwnerLinkRequest { RequestId = session.RequestId, AccountId = parsed.GetValue(account) };
            session.Output.Write(Rows.Of(await session.Accounts.CreateOwnerLinkAsync(request, session.Soon)));
        });
    }

    private static Command Attach()
    {
        var account = AccountId();
        var email = new Argument<string>("email") { Description = "of a person who has registered and confirmed it" };
        return Change("attach", "makes a person its owner", [account, email], async (session, parsed) =>
        {
            var request = new AttachPersonRequest { RequestId = session.RequestId, AccountId = parsed.GetValue(account), Email = parsed.GetValue(email) };
            session.Output.Write(Rows.Of(await session.Accounts.AttachPersonAsync(request, session.Soon)));
        });
    }

    private static Command SetStatus(string verb, string description, AccountStatus status)
    {
        var account = AccountId();
        return Change(verb, description, [account], async (session, parsed) =>
        {
            var request = new SetAccountStatusRequest { RequestId = session.RequestId, AccountId = parsed.GetValue(account), Status = status };
            session.Output.Write(Rows.Of(await session.Accounts.SetAccountStatusAsync(request, session.Soon)));
        });
    }
}

/// <summary>The limits that accounts and keys have in common.</summary>
internal sealed class LimitOptions
{
    private readonly Option<Given<long>?> _requests = LimitOrNone("--requests-per-minute", "a number, or none");
    private readonly Option<Given<long>?> _tokens = LimitOrNone("--tokens-per-minute", "a number, or none");
    private readonly Option<Given<long>?> _concurrency = LimitOrNone("--concurrency", "requests that run at once, or none");

    public IEnumerable<System.CommandLine.Option> All => [_requests, _tokens, _concurrency];

    /// <param name="mask">Gets the paths of those that are given.</param>
    public RateLimits Read(ParseResult parsed, FieldMask mask)
    {
        var limits = new RateLimits();
        mask.Apply(parsed, _requests, "limits.requests_per_minute", limit => limits.RequestsPerMinute = limit);
        mask.Apply(parsed, _tokens, "limits.tokens_per_minute", limit => limits.TokensPerMinute = limit);
        mask.Apply(parsed, _concurrency, "limits.concurrency", limit => limits.Concurrency = limit);
        return limits;
    }
}
