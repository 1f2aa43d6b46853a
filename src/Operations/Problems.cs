using System.Net;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Operations;

/// <summary>Collects what is wrong with a request, field by field.</summary>
internal sealed class Problems
{
    private readonly List<FieldProblem> _found = [];

    /// <summary>Null if nothing is wrong.</summary>
    public Failure? ToFailure() => _found.Count == 0 ? null : Failure.Invalid([.. _found]);

    public void Add(string field, string message) => _found.Add(new FieldProblem(field, message));

    /// <summary>It may be as long as a ref, which it becomes where none is given.</summary>
    public void CheckRequestId(string requestId)
    {
        if (requestId.Length is 0 or > AccountProtocol.RefLengthMax || !requestId.All(static character => character is > ' ' and <= '~'))
        {
            Add("request_id", $"It must have 1 to {AccountProtocol.RefLengthMax} printable ASCII characters: choose a new one for each change, such as a UUID.");
        }
    }

    public void CheckText(string field, string text, int lengthMax = AccountProtocol.NameLengthMax)
    {
        if (text.Length == 0 || text.Length > lengthMax || !StoredText.IsValid(text))
        {
            Add(field, $"It must have 1 to {lengthMax} printable characters.");
        }
    }

    /// <summary>A text that is looked for.</summary>
    public void CheckFilter(string field, string? text)
    {
        if (text is not null && !StoredText.IsValid(text))
        {
            Add(field, "It must have printable characters only.");
        }
    }

    public void CheckLimits(string field, RateLimits limits)
    {
        CheckLimit("requests_per_minute", limits.RequestsPerMinute);
        CheckLimit("tokens_per_minute", limits.TokensPerMinute);
        CheckLimit("concurrency", limits.Concurrency);

        void CheckLimit(string name, long? limit)
        {
            if (limit is < 1 or > AccountProtocol.LimitMax)
            {
                Add($"{field}.{name}", $"It must be from 1 to {AccountProtocol.LimitMax}, or not set for no limit.");
            }
        }
    }

    public void CheckKey(string field, KeyFields key)
    {
        CheckText($"{field}.name", key.Name);
        CheckList($"{field}.models", key.Models, IsModel, "a model's name");
        CheckList($"{field}.addresses", key.Addresses, IsAddress, "an address or a network such as 203.0.113.0/24");
        CheckLimits($"{field}.limits", key.Limits);
        CheckCap("total_nanos", key.Caps.TotalNanos);
        CheckCap("day_nanos", key.Caps.DayNanos);
        CheckCap("week_nanos", key.Caps.WeekNanos);
        CheckCap("month_nanos", key.Caps.MonthNanos);

        void CheckCap(string name, long? cap)
        {
            if (cap <= 0)
            {
                Add($"{field}.caps.{name}", "It must be above 0, or not set for no cap.");
            }
        }
    }

    private void CheckList(string field, IReadOnlyList<string> list, Func<string, bool> isValid, string expected)
    {
        if (list.Count > AccountProtocol.ListLengthMax)
        {
            Add(field, $"It has at most {AccountProtocol.ListLengthMax} entries.");
        }

        for (var i = 0; i < list.Count; i++)
        {
            if (!isValid(list[i]))
            {
                Add($"{field}[{i}]", $"It must be {expected}.");
            }
        }
    }

    private static bool IsModel(string text) => text.Length is > 0 and <= AccountProtocol.ModelNameLengthMax && StoredText.IsValid(text);

    private static bool IsAddress(string text) => IPAddress.TryParse(text, out _) || IPNetwork.TryParse(text, out _);
}
