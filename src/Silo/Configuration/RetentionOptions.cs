using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;

namespace OrleansGateway.Silo.Configuration;

/// <summary>The configuration's section <c>Retention</c>: how long what is kept.</summary>
internal sealed class RetentionOptions
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Retention";

    /// <summary>Usage rows and their totals by hour, days before today (UTC). Totals by day, and the ledger, are kept for good.</summary>
    public int CallsDays { get; set; } = 90;
}

/// <summary>Checks <see cref="RetentionOptions"/>.</summary>
internal sealed class RetentionOptionsValidator : IValidateOptions<RetentionOptions>
{
    public ValidateOptionsResult Validate(string? name, RetentionOptions options)
    {
        var problems = new SettingProblems(RetentionOptions.Section);
        problems.CheckRange(nameof(options.CallsDays), options.CallsDays, 1, 3650, "days");
        return problems.ToResult();
    }
}
