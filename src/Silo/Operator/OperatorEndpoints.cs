using Orleans;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Silo.Operator;

/// <summary>The operator API's routes.</summary>
internal static class OperatorEndpoints
{
    private const int RepeatsMax = 6;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);

    /// <summary>Maps every route of the operator API.</summary>
    /// <param name="routes">The operator's web server.</param>
    /// <param name="gateway">The gateway's services.</param>
    public static void MapOperator(this IEndpointRouteBuilder routes, IServiceProvider gateway)
    {
        var group = routes.MapGroup("/operator");
        new AccountEndpoints(gateway).Map(group);
        new KeyEndpoints(gateway).Map(group);
        new ReadingEndpoints(gateway).Map(group);
        new CatalogEndpoints(gateway).Map(group);
    }

    /// <summary>The account's grain.</summary>
    public static IAccountGrain Account(this IGrainFactory grains, string accountId) => grains.GetGrain<IAccountGrain>(accountId);

    /// <summary>Sends a message again, a bounded number of times, while an activation steps down.</summary>
    public static async Task<TAnswer> RepeatAsync<TAnswer>(Func<Task<TAnswer>> send, Func<TAnswer, bool> isRetry, CancellationToken cancellationToken)
    {
        var pause = FirstPause;
        for (var repeats = 0; ; repeats++)
        {
            var answer = await send();
            if (!isRetry(answer) || repeats == RepeatsMax)
            {
                return answer;
            }

            await Task.Delay(pause, cancellationToken);
            pause *= 2;
        }
    }

    public static IResult Refuse(int status, string code, string message) =>
        Results.Json(new RefusalAnswer(new Refusal(code, message)), OperatorJson.Options, statusCode: status);

    public static IResult Invalid(string problems) => Refuse(400, "invalid", problems);

    public static IResult UnknownAccount(string accountId) => Refuse(404, "unknown_account", $"There is no account {accountId}.");

    /// <summary>The refusal that a change came to; null when it is done.</summary>
    public static IResult? Refusal(string accountId, ChangeAnswer answer) => answer.Outcome switch
    {
        ChangeOutcome.Done => null,
        ChangeOutcome.UnknownAccount => UnknownAccount(accountId),
        ChangeOutcome.ClosedForGood => Refuse(409, "closed_for_good", "A closed account, or a revoked key, stays so."),
        ChangeOutcome.Invalid => Invalid(answer.Reason ?? "the settings are not valid"),
        _ => Unavailable(),
    };

    public static IResult Unavailable() => Refuse(503, "unavailable", "The account is not available at the moment. Send the request again.");

    public static bool IsId(string accountId) => Ids.IsAccountId(accountId);
}
