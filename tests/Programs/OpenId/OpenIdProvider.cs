using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace OrleansGateway.Tests.Programs.OpenId;

/// <summary>Whom the provider says that its visitor is.</summary>
/// <param name="IsEmailVerified">Null where it does not say.</param>
public sealed record OpenIdSubject(string Id, string Email, bool? IsEmailVerified = true, string Name = "Ada");

/// <summary>
/// A provider of OpenID Connect over real HTTP, which asks nobody for a password: whoever comes is <see cref="Visitor"/>. It checks what a
/// provider has to: the client, its secret, the address to return to, the code and its PKCE verifier.
/// </summary>
public sealed class OpenIdProvider : IAsyncDisposable
{
    public const string ClientId = "gateway";
    public const string ClientSecret = "a secret of the provider's";

    private readonly ConcurrentDictionary<string, (OpenIdSubject Subject, string Nonce, string Challenge, string Back)> _codes = new();
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly string _back;
    private WebApplication? _app;

    private OpenIdProvider(string back) => _back = back;

    /// <summary>Its issuer.</summary>
    public string Url { get; private set; } = "";

    /// <summary>Who signs in there.</summary>
    public OpenIdSubject Visitor { get; set; } = new("nobody", "nobody@example.org");

    /// <summary>The nonce in its tokens; null for the one that was asked for.</summary>
    public string? Nonce { get; set; }

    /// <param name="url">Where it is.</param>
    /// <param name="back">The only address that it returns to.</param>
    public static async Task<OpenIdProvider> StartAsync(string url, string back)
    {
        var provider = new OpenIdProvider(back) { Url = url };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url);
        var app = builder.Build();
        app.MapGet("/.well-known/openid-configuration", () => Results.Text(
            $$"""
            {
                "issuer": "{{url}}", "authorization_endpoint": "{{url}}/authorize", "token_endpoint": "{{url}}/token", "jwks_uri": "{{url}}/keys",
                "response_types_supported": ["code"], "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]
            }
            """,
            "application/json"));
        app.MapGet("/keys", provider.Keys);
        app.MapGet("/authorize", provider.Authorize);
        app.MapPost("/token", provider.TokenAsync);
        await app.StartAsync();
        provider._app = app;
        return provider;
    }

    public async ValueTask DisposeAsync()
    {
        await _app!.DisposeAsync();
        _rsa.Dispose();
    }

    private IResult Keys()
    {
        var key = _rsa.ExportParameters(includePrivateParameters: false);
        return Results.Json(new
        {
            keys = new[] { new { kty = "RSA", use = "sig", kid = "1", alg = "RS256", n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent) } },
        });
    }

    private IResult Authorize(HttpRequest request)
    {
        string Query(string name) => request.Query[name].ToString();
        if (Query("client_id") != ClientId || Query("redirect_uri") != _back || Query("response_type") != "code" || Query("code_challenge_method") != "S256"
            || !Query("scope").Split(' ').Contains("openid"))
        {
            return Results.BadRequest(request.QueryString.Value);
        }

        var code = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(1_000)); // long ones, as some have them
        _codes[code] = (Visitor, Nonce ?? Query("nonce"), Query("code_challenge"), _back);
        return Results.Redirect($"{_back}?code={code}&state={Uri.EscapeDataString(Query("state"))}");
    }

    private async Task<IResult> TokenAsync(HttpRequest request)
    {
        var form = await request.ReadFormAsync();
        string Form(string name) => form[name].ToString();
        if (Form("grant_type") != "authorization_code" || Form("client_id") != ClientId || Form("client_secret") != ClientSecret
            || !_codes.TryRemove(Form("code"), out var visit) || Form("redirect_uri") != visit.Back
            || Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Form("code_verifier")))) != visit.Challenge)
        {
            return Results.Json(new { error = "invalid_grant" }, statusCode: StatusCodes.Status400BadRequest);
        }

        var claims = new Dictionary<string, object>
        {
            ["sub"] = visit.Subject.Id,
            ["nonce"] = visit.Nonce,
            ["email"] = visit.Subject.Email,
            ["name"] = visit.Subject.Name,
        };
        if (visit.Subject.IsEmailVerified is { } isVerified)
        {
            claims["email_verified"] = isVerified;
        }

        var token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Url,
            Audience = ClientId,
            Expires = DateTime.UtcNow.AddMinutes(5),
            Claims = claims,
            SigningCredentials = new SigningCredentials(new RsaSecurityKey(_rsa) { KeyId = "1" }, SecurityAlgorithms.RsaSha256),
        });
        return Results.Json(new Dictionary<string, object>
        {
            ["access_token"] = Convert.ToString(1, CultureInfo.InvariantCulture),
            ["token_type"] = "Bearer",
            ["expires_in"] = 300,
            ["id_token"] = token,
        });
    }
}
