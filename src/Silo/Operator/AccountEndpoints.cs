using System.Text.Json;
using Orleans;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using static OrleansGateway.Silo.Operator.OperatorEndpoints;

namespace OrleansGateway.Silo.Operator;

/// <summary>Accounts: made, shown, credited, debited, suspended, limited, closed.</summary>
internal sealed class AccountEndpoints(IServiceProvider gateway)
{
    private const int NameLengthMax = 200;
    private const int RefLengthMax = 128;

    private readonly IGrainFactory _grains = gateway.GetRequiredService<IGrainFactory>();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/accounts", CreateAsync);
        routes.MapGet("/accounts/{id}", ShowAsync);
        routes.MapPost("/accounts/{id}/moves", MoveAsync);
        routes.MapPatch("/accounts/{id}", ChangeAsync);
    }

    /// <summary>Idempotent on the account's id: the one that is given, or a new one.</summary>
    private async Task<IResult> CreateAsync(JsonElement body, CancellationToken cancellationToken)
    {
        var fields = new Fields(body);
        var id = fields.Text("id", Ids.NewAccountId(RandomSource.Secure), NameLengthMax);
        var request = new CreateRequest(fields.Text("name", null, NameLengthMax), ReadLimits(fields, RateLimits.None));
        var problems = fields.Problems() ?? (IsId(id) ? null : "id must be 12 letters and digits");
        if (problems is not null)
        {
            return Invalid(problems);
        }

        var answer = await RepeatAsync(() => _grains.Account(id).CreateAsync(request), change => change.Outcome == ChangeOutcome.Retry, cancellationToken);
        return Refusal(id, answer) ?? await ShowAsync(id);
    }

    private async Task<IResult> ShowAsync(string id) =>
        IsId(id) && await _grains.Account(id).ShowAsync() is { } view ? Results.Json(AccountAnswer.Of(view), OperatorJson.Options) : UnknownAccount(id);

    private async Task<IResult> MoveAsync(string id, JsonElement body, CancellationToken cancellationToken)
    {
        var fields = new Fields(body);
        var kind = fields.Choice<EntryKind>("kind", null);
        var reference = fields.Text("ref", null, RefLengthMax);
        var amount = fields.Usd("amount_usd", null);
        var problems = fields.Problems() ?? (amount is null or 0 ? "amount_usd must be an amount other than 0" : null);
        if (problems is not null)
        {
            return Invalid(problems);
        }

        if (!IsId(id))
        {
            return UnknownAccount(id);
        }

        var request = new MoveRequest(0, kind, reference, amount!.Value);
        var answer = await RepeatAsync(() => _grains.Account(id).MoveAsync(request), move => move.Outcome == MoveOutcome.Retry, cancellationToken);
        return answer.Outcome switch
        {
            MoveOutcome.Moved => Results.Json(Result(id, request, answer), OperatorJson.Options),
            MoveOutcome.RefConflict => Refuse(409, "ref_conflict", $"The ref '{reference}' has moved another amount before; nothing is moved."),
            MoveOutcome.InsufficientFunds => Refuse(
                409, "insufficient_funds", $"Only {Money.FormatUsd(answer.AvailableNanos)} USD are available; nothing is moved."),
            MoveOutcome.Invalid => Invalid("the kind does not allow this amount or ref, or the balance would overflow"),
            MoveOutcome.UnknownAccount => UnknownAccount(id),
            _ => Unavailable(),
        };
    }

    private async Task<IResult> ChangeAsync(string id, JsonElement body, CancellationToken cancellationToken)
    {
        if (!IsId(id) || await _grains.Account(id).ShowAsync() is not { } view)
        {
            return UnknownAccount(id);
        }

        var fields = new Fields(body);
        var request = new SetStatusRequest(0, fields.Choice<AccountStatus>("status", view.Status), ReadLimits(fields, view.Limits));
        if (fields.Problems() is { } problems)
        {
            return Invalid(problems);
        }

        request = request with
        {
            Status = request.Status == view.Status ? null : request.Status,
            Limits = request.Limits == view.Limits ? null : request.Limits,
        };
        var answer = await RepeatAsync(() => _grains.Account(id).SetStatusAsync(request), change => change.Outcome == ChangeOutcome.Retry, cancellationToken);
        return Refusal(id, answer) ?? await ShowAsync(id);
    }

    /// <summary>Limits that are not named stay.</summary>
    internal static RateLimits ReadLimits(Fields fields, RateLimits keep) => new(
        fields.Count("requests_per_minute", keep.RequestsPerMinute),
        fields.Count("tokens_per_minute", keep.TokensPerMinute),
        fields.Count("concurrency", keep.Concurrency));

    private static MoveResult Result(string id, MoveRequest request, MoveAnswer answer) => new(
        id,
        request.Kind,
        request.Ref,
        Money.FormatUsd(request.AmountNanos),
        Money.FormatUsd(answer.BalanceNanos),
        Money.FormatUsd(answer.AvailableNanos),
        answer.IsRepeat);
}
