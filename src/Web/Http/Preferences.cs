using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Localization;
using Microsoft.AspNetCore.Routing;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Web.Http;

/// <summary>What a visitor chooses without signing in: language, theme and hidden announcements, each in a cookie that says nothing else.</summary>
internal static class Preferences
{
    /// <summary>The site's languages; the first is for who asks for none of them.</summary>
    public static readonly string[] Languages = ["en", "zh"];

    private const string LanguageCookie = "language";
    private const string ThemeCookie = "theme";
    private const string DismissedCookie = "dismissed";

    /// <summary>Announcements that are remembered as hidden; the oldest go first.</summary>
    private const int DismissedMax = 20;

    /// <summary>In an address, the language of this one answer: search engines find each by it.</summary>
    private const string LanguageQuery = "lang";

    /// <summary>The chosen theme; null leaves it to the browser's.</summary>
    public static string? ThemeOf(HttpContext context) => context.Request.Cookies[ThemeCookie] is "light" or "dark" ? context.Request.Cookies[ThemeCookie] : null;

    /// <summary>The ids of the announcements that a visitor has hidden.</summary>
    public static IReadOnlyList<string> Dismissed(HttpContext context) =>
        [.. (context.Request.Cookies[DismissedCookie] ?? "").Split('.').Where(static id => Ids.IsKeyId(id)).TakeLast(DismissedMax)];

    /// <summary>The language that the address asks for; null where it asks for none.</summary>
    public static string? LanguageOf(HttpContext context) =>
        context.Request.Query[LanguageQuery].ToString() is { } language && Languages.Contains(language) ? language : null;

    /// <summary>The same page in a language.</summary>
    public static string InLanguage(string address, string language) => $"{address}?{LanguageQuery}={language}";

    /// <summary>The address that chooses a value and comes back, without the language that the address may ask for: the chosen one holds there.</summary>
    public static string Address(HttpContext context, string preference, string value)
    {
        var query = QueryString.Create(context.Request.Query.Where(static one => one.Key != LanguageQuery));
        return $"/preferences/{preference}/{value}?return={Uri.EscapeDataString(context.Request.Path + query.ToUriComponent())}";
    }

    /// <summary>Language by the cookie, then by what the browser asks for.</summary>
    public static void UseLanguages(this IApplicationBuilder site)
    {
        var cultures = Languages.Select(CultureInfo.GetCultureInfo).ToList();
        site.UseRequestLocalization(new RequestLocalizationOptions
        {
            DefaultRequestCulture = new RequestCulture(Languages[0]),
            SupportedCultures = cultures,
            SupportedUICultures = cultures,
            RequestCultureProviders =
            [
                new CustomRequestCultureProvider(static context => Task.FromResult(LanguageOf(context) is { } language ? new ProviderCultureResult(language) : null)),
                new CustomRequestCultureProvider(static context => Task.FromResult(
                    context.Request.Cookies[LanguageCookie] is { } language && Languages.Contains(language) ? new ProviderCultureResult(language) : null)),
                new AcceptLanguageHeaderRequestCultureProvider(),
            ],
        });
    }

    /// <summary>The links that choose.</summary>
    public static void MapPreferences(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/preferences/language/{value}", (HttpContext context, string value, string? @return) =>
            Choose(context, LanguageCookie, Languages.Contains(value) ? value : null, @return));
        routes.MapGet("/preferences/theme/{value}", (HttpContext context, string value, string? @return) =>
            Choose(context, ThemeCookie, value is "light" or "dark" ? value : null, @return));
        routes.MapGet("/preferences/dismissed/{value}", (HttpContext context, string value, string? @return) =>
            Choose(context, DismissedCookie, Ids.IsKeyId(value) ? string.Join('.', Dismissed(context).Append(value).Distinct().TakeLast(DismissedMax)) : null, @return));
    }

    private static IResult Choose(HttpContext context, string cookie, string? value, string? back)
    {
        if (value is null)
        {
            return Results.NotFound();
        }

        context.Response.Cookies.Append(cookie, value, new CookieOptions
        {
            MaxAge = TimeSpan.FromDays(365),
            SameSite = SameSiteMode.Lax,
            Secure = context.Request.IsHttps,
            IsEssential = true,
        });
        return Results.LocalRedirect(Local.Path(back));
    }
}

/// <summary>Addresses that a redirect may lead to.</summary>
internal static class Local
{
    /// <summary>The path if it is one of this site, else the way home.</summary>
    public static string Path(string? address, string home = "/") =>
        address is ['/', ..] and not ['/', '/' or '\\', ..] && !address.AsSpan().ContainsAny('\\', '\r', '\n') && !address.Any(char.IsControl) ? address : home;
}
