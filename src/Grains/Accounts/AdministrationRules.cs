using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using static OrleansGateway.Grains.Contracts.Accounts.AccountProtocol;

namespace OrleansGateway.Grains.Accounts;

/// <summary>Which accounts, keys and movements are valid; a refusal is the reason.</summary>
internal static class AdministrationRules
{
    public static string? Refuse(string accountId, CreateRequest request) =>
        !Ids.IsAccountId(accountId) ? "an account's id is 12 letters and digits"
        : !IsName(request.Name) || !RateLimiter.AreValid(request.Limits)
            ? $"a name has at most {NameLengthMax} printable characters, a limit is from 1 to {LimitMax}"
        : null;

    public static string? Refuse(RateLimits limits) =>
        RateLimiter.AreValid(limits) ? null : $"a limit is from 1 to {LimitMax}";

    public static string? Refuse(KeySettings settings)
    {
        if (Key.Validate(settings) is { } reason)
        {
            return reason;
        }

        if (!Ids.IsKeyId(settings.KeyId) || !IsName(settings.Name))
        {
            return $"a key's id is 12 letters and digits, its name has at most {NameLengthMax} printable characters";
        }

        return settings.Models.Length > ListLengthMax || settings.Addresses.Length > ListLengthMax || !settings.Models.All(IsName)
            ? $"a key lists at most {ListLengthMax} models and as many addresses"
            : null;
    }

    public static bool IsValid(MoveRequest request)
    {
        var isSignRight = request.Kind switch
        {
            EntryKind.Topup or EntryKind.Bonus or EntryKind.Compensation => request.AmountNanos > 0,
            EntryKind.Refund or EntryKind.Chargeback => request.AmountNanos is < 0 and > long.MinValue,
            EntryKind.Adjustment => request.AmountNanos is not (0 or long.MinValue),
            _ => false,
        };
        return isSignRight && request.Ref.Length is >= 1 and <= RefLengthMax && StoredText.IsValid(request.Ref);
    }

    private static bool IsName(string text) => text.Length <= NameLengthMax && StoredText.IsValid(text);
}
