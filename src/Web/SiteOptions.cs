using System.Net.Mail;
using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;
using OrleansGateway.Web.Components;

namespace OrleansGateway.Web;

/// <summary>How passwords are hashed.</summary>
public enum PasswordHash
{
    Bcrypt,
    Pbkdf2,
}

/// <summary>The site and the console; the configuration's section <c>Site</c>.</summary>
public sealed class SiteOptions
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Site";

    /// <summary>Where people reach the site: what links in mails begin with. Empty: there is no site.</summary>
    public string Url { get; set; } = "";

    /// <summary>Where the playground reaches the relay; empty for this program's own port.</summary>
    public string RelayUrl { get; set; } = "";

    /// <summary>What it is called in titles and mails.</summary>
    public string Name { get; set; } = "OrleansGateway";

    /// <summary>Who runs it, for the footer and the policies.</summary>
    public string Operator { get; set; } = "";

    /// <summary>Where people write to.</summary>
    public string SupportMail { get; set; } = "";

    /// <summary>Where people report holes in the security.</summary>
    public string SecurityMail { get; set; } = "";

    /// <summary>Whether new people may register.</summary>
    public bool SignUpOpen { get; set; } = true;

    /// <summary>The least age that people state, years.</summary>
    public int AgeMinimum { get; set; } = 18;

    /// <summary>How new passwords are hashed; older hashes are renewed at sign-in.</summary>
    public PasswordHash PasswordHash { get; set; } = PasswordHash.Bcrypt;

    /// <summary>The most forms and exports from one network, a minute: an IPv4 address, or the /64 of an IPv6 address.</summary>
    public int FormsPerMinute { get; set; } = 40;

    /// <summary>The cost of bcrypt.</summary>
    public int BcryptCost { get; set; } = 12;

    /// <summary>How long a session lasts without a visit, days.</summary>
    public int SessionDays { get; set; } = 14;

    /// <summary>How long somebody who registered may confirm their address before they are forgotten, days.</summary>
    public int UnconfirmedDays { get; set; } = 7;

    /// <summary>How long a person who deletes their account may undo it, days.</summary>
    public int DeletionGraceDays { get; set; } = 7;

    /// <summary>How long an export of a person's data can be fetched, days.</summary>
    public int ExportDays { get; set; } = 7;

    /// <summary>The issuer of an OpenID Connect provider by which people may sign in: the address that <c>/.well-known/openid-configuration</c> follows; empty for none.</summary>
    public string OpenIdAuthority { get; set; } = "";

    /// <summary>What the site is called there.</summary>
    public string OpenIdClientId { get; set; } = "";

    /// <summary>With which secret.</summary>
    public string OpenIdClientSecret { get; set; } = "";

    /// <summary>What people call the provider.</summary>
    public string OpenIdName { get; set; } = "OpenID";

    /// <summary>Whether an e-mail address of which the provider says neither that it is confirmed nor that it is not counts as confirmed.</summary>
    public bool OpenIdTrustsEmail { get; set; }

    /// <summary>Where mails are put that nobody sends.</summary>
    public string MailFolder { get; set; } = ".data/mail";

    /// <summary>The server that sends mails; empty puts them in the folder.</summary>
    public string SmtpHost { get; set; } = "";

    /// <summary>Its port.</summary>
    public int SmtpPort { get; set; } = 587;

    /// <summary>Who signs in there; empty for nobody.</summary>
    public string SmtpUser { get; set; } = "";

    /// <summary>With which password.</summary>
    public string SmtpPassword { get; set; } = "";

    /// <summary>A key of Resend, which sends mails then; empty for none.</summary>
    public string ResendKey { get; set; } = "";

    /// <summary>Where Resend is.</summary>
    public string ResendUrl { get; set; } = "https://api.resend.com";

    /// <summary>Whom mails come from.</summary>
    public string MailFrom { get; set; } = "gateway@localhost";

    /// <summary>Whether mails leave this machine.</summary>
    internal bool IsMailSent => SmtpHost.Length > 0 || ResendKey.Length > 0;

    /// <summary>Whether the connection of people is encrypted.</summary>
    internal bool IsHttps => Url.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
}

/// <summary>Checks <see cref="SiteOptions"/>, all of them at once.</summary>
internal sealed class SiteOptionsValidator : IValidateOptions<SiteOptions>
{
    public ValidateOptionsResult Validate(string? name, SiteOptions options)
    {
        var problems = new SettingProblems(SiteOptions.Section);
        problems.CheckUrls(nameof(options.Url), options.Url);
        if (Uri.TryCreate(options.Url, UriKind.Absolute, out var url) && url.Scheme == "http" && !url.IsLoopback)
        {
            problems.Add(nameof(options.Url), "is plain http beyond this machine; it must be https://….");
        }

        if (options.RelayUrl.Length > 0)
        {
            problems.CheckUrls(nameof(options.RelayUrl), options.RelayUrl);
        }

        problems.CheckRange(nameof(options.AgeMinimum), options.AgeMinimum, 13, 21, "years");
        problems.CheckRange(nameof(options.FormsPerMinute), options.FormsPerMinute, 1, 10_000);
        problems.CheckRange(nameof(options.BcryptCost), options.BcryptCost, 10, 15);
        problems.CheckRange(nameof(options.SessionDays), options.SessionDays, 1, 90, "days");
        problems.CheckRange(nameof(options.UnconfirmedDays), options.UnconfirmedDays, 1, 90, "days");
        problems.CheckRange(nameof(options.DeletionGraceDays), options.DeletionGraceDays, 0, 29, "days");
        problems.CheckRange(nameof(options.ExportDays), options.ExportDays, 1, 30, "days");
        CheckOpenId();
        problems.CheckUrls(nameof(options.ResendUrl), options.ResendUrl);
        if (options.SmtpHost.Length > 0 && options.ResendKey.Length > 0)
        {
            problems.Add(nameof(options.ResendKey), "is set beside SmtpHost: mails go one way; leave one of them empty.");
        }

        problems.CheckRange(nameof(options.SmtpPort), options.SmtpPort, 1, 65535);
        CheckMail(nameof(options.MailFrom), options.MailFrom, isNeeded: true);
        CheckMail(nameof(options.SupportMail), options.SupportMail, isNeeded: false);
        CheckMail(nameof(options.SecurityMail), options.SecurityMail, isNeeded: false);
        return problems.ToResult();

        void CheckOpenId()
        {
            if (options.OpenIdAuthority.Length > 0
                && !(Uri.TryCreate(options.OpenIdAuthority, UriKind.Absolute, out var authority) && authority is { UserInfo: "", Query: "", Fragment: "" }
                    && (authority.Scheme == "https" || (authority.Scheme == "http" && authority.IsLoopback))))
            {
                problems.Add(nameof(options.OpenIdAuthority), $"is '{options.OpenIdAuthority}'; it must be an issuer's address such as https://login.example.org.");
            }

            foreach (var (setting, value) in new[] { (nameof(options.OpenIdClientId), options.OpenIdClientId), (nameof(options.OpenIdClientSecret), options.OpenIdClientSecret) })
            {
                if (value.Length > 0 != options.OpenIdAuthority.Length > 0)
                {
                    problems.Add(setting, value.Length > 0 ? $"is set, and {problems.Name(nameof(options.OpenIdAuthority))} is not." : $"is missing beside {problems.Name(nameof(options.OpenIdAuthority))}.");
                }
            }

            if (!Inputs.IsName(options.OpenIdName, 40))
            {
                problems.Add(nameof(options.OpenIdName), "must have 1 to 40 characters.");
            }
        }

        void CheckMail(string setting, string address, bool isNeeded)
        {
            if ((isNeeded || address.Length > 0) && !MailAddress.TryCreate(address, out _))
            {
                problems.Add(setting, $"is '{address}', which is no e-mail address.");
            }
        }
    }
}
