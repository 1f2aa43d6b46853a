using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Web.Accounts;

namespace OrleansGateway.Web.Usage;

/// <summary>Which calls a page or an export shows: all of it stands in the address, so that a view can be sent to somebody.</summary>
internal sealed record UsageQuery
{
    /// <summary>What is shown unless the address says otherwise.</summary>
    private const int DaysDefault = 30;

    /// <summary>The most days of a view; an earlier beginning is moved.</summary>
    public const int DaysMax = 366;

    /// <summary>The most days that are shown by the hour.</summary>
    private const int HourlyDaysMax = 7;

    public required DateOnly From { get; init; }

    /// <summary>The last day.</summary>
    public required DateOnly To { get; init; }

    public string? Key { get; init; }
    public string? Model { get; init; }
    public RequestStatus? Status { get; init; }
    public string? RequestId { get; init; }

    /// <summary>What the chart tells apart.</summary>
    public UsageGroups By { get; init; }

    /// <summary>Whether the chart goes by the hour, not by the day.</summary>
    public bool IsHourly { get; init; }

    /// <summary>Reads an address; what is none of its kind is as if it were not there.</summary>
    public static UsageQuery Of(IQueryCollection query, CurrentPerson person, DateTimeOffset now)
    {
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, person.Zone).DateTime);
        var to = Day(query["to"]) ?? today;
        var from = Day(query["from"]) ?? to.AddDays(1 - DaysDefault);
        from = from > to ? to : from < to.AddDays(1 - DaysMax) ? to.AddDays(1 - DaysMax) : from;
        return new UsageQuery
        {
            To = to,
            From = from,
            Key = Text(query["key"]),
            Model = Text(query["model"]),
            Status = Enum.TryParse<RequestStatus>(query["status"], ignoreCase: true, out var status) && Enum.IsDefined(status) ? status : null,
            RequestId = Text(query["request"]),
            By = query["by"].ToString() switch
            {
                "key" => UsageGroups.Key,
                "model" => UsageGroups.Model,
                "status" => UsageGroups.Status,
                _ => UsageGroups.None,
            },
            IsHourly = query["step"] == "hour" && from > to.AddDays(-HourlyDaysMax),
        };
    }

    /// <summary>Where the chart's days or hours begin, and the last one's end.</summary>
    public IReadOnlyList<DateTimeOffset> Bounds(TimeZoneInfo zone)
    {
        var end = StartOf(To.AddDays(1), zone);
        if (!IsHourly)
        {
            return [.. Enumerable.Range(0, To.DayNumber - From.DayNumber + 1).Select(day => StartOf(From.AddDays(day), zone)), end];
        }

        // A day on which clocks change has an hour more or less.
        var start = StartOf(From, zone);
        return [.. Enumerable.Range(0, (int)Math.Ceiling((end - start).TotalHours)).Select(hour => start.AddHours(hour)), end];
    }

    /// <summary>The rows of a person's own account.</summary>
    public UsageFilter Filter(CurrentPerson person) => new()
    {
        AccountId = person.AccountId,
        KeyId = Key,
        Model = Model,
        Status = Status,
        RequestId = RequestId,

        // Who looks for one request does not know its day; what it was charged tells.
        From = RequestId is null ? StartOf(From, person.Zone) : null,
        To = RequestId is null ? StartOf(To.AddDays(1), person.Zone) : null,
    };

    /// <summary>The address of a page with these calls.</summary>
    public string Address(string path, string? after = null)
    {
        var query = new Dictionary<string, string?>
        {
            ["from"] = From.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ["to"] = To.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ["key"] = Key,
            ["model"] = Model,
            ["status"] = Status?.ToString().ToLowerInvariant(),
            ["request"] = RequestId,
            ["by"] = By == UsageGroups.None ? null : By.ToString().ToLowerInvariant(),
            ["step"] = IsHourly ? "hour" : null,
            ["after"] = after,
        };
        return QueryHelpers.AddQueryString(path, query.Where(one => one.Value is not null));
    }

    /// <summary>When a day begins where a person is.</summary>
    public static DateTimeOffset StartOf(DateOnly day, TimeZoneInfo zone)
    {
        var local = day.ToDateTime(TimeOnly.MinValue);

        // Where clocks are set forward at midnight, the day begins an hour later.
        while (zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(30);
        }

        return new DateTimeOffset(local, zone.GetUtcOffset(local));
    }

    /// <summary>When today began where a person is.</summary>
    public static DateTimeOffset StartOfDay(DateTimeOffset now, TimeZoneInfo zone) =>
        StartOf(DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, zone).DateTime), zone);

    /// <summary>Days far from the ends of time: they are moved by zones and by one.</summary>
    private static DateOnly? Day(string? text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day.Year is > 1970 and < 9000 ? day : null;

    private static string? Text(string? text) => string.IsNullOrWhiteSpace(text) || text.Length > 200 || text.Any(char.IsControl) ? null : text.Trim();
}
